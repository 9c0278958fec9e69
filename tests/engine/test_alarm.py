"""engine.alarm: said once, at the limit, and not before."""

from tfvision.engine.alarm import Alarm


def test_the_text_is_printed_once_at_the_first_epoch_that_reaches_the_limit(capsys):
    alarm = Alarm("collapsed", 0.5, "all points are one")
    for epoch, value in enumerate((0.0, 0.4, 0.5, 1.0)):
        alarm.on_epoch_end(epoch, {"collapsed": value, "loss": 1.0})
        assert ("all points are one" in capsys.readouterr().out) == (epoch == 2)


def test_logs_without_the_mean_are_no_alarm(capsys):
    Alarm("collapsed", 0.5, "text").on_epoch_end(0, {"loss": 9.0})
    Alarm("collapsed", 0.5, "text").on_epoch_end(0)
    assert capsys.readouterr().out == ""
