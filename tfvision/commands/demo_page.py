"""The page that `tfvision demo` leaves: pictures, learning curve, numbers, sizes, latencies."""

import html
import json
import os
from pathlib import Path

from tfvision.commands.export import told
from tfvision.engine.callbacks import read_history

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea;
  --paper: #fbfcfd; --card: #fff; --accent: #c4622d }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #98a3b3; --line: #2b3442;
  --paper: #12161d; --card: #1a2029; --accent: #f0a070 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1040px; padding: 32px 20px 64px; color: var(--ink);
  background: var(--paper); font: 16px/1.55 system-ui, sans-serif }
h1 { font-size: 30px; margin: 0 } h2 { font-size: 21px; margin: 44px 0 10px }
p.lead { color: var(--soft); margin: 6px 0 0 }
section.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 18px 20px; margin: 14px 0; overflow-x: auto }
pre { background: #161b22; color: #e4e9f0; padding: 12px 14px; border-radius: 8px;
  overflow-x: auto; font-size: 13.5px; line-height: 1.6; margin: 10px 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14.5px }
th, td { text-align: left; padding: 5px 22px 5px 0; border-bottom: 1px solid var(--line) }
th { color: var(--soft); font-weight: 500 } td.n, th.n { text-align: right }
img { max-width: 100%; border-radius: 6px; display: block }
figure { margin: 0 }
.row { display: flex; gap: 14px; flex-wrap: wrap; align-items: flex-start; margin: 12px 0 }
.row figure { flex: 0 1 auto; max-width: 480px }
figcaption { color: var(--soft); font-size: 13px; margin-top: 4px }
.good { color: #2a8f5b; font-weight: 600 }
"""


def write(out, app, commands, trained, shipped):
    """Writes out/index.html and returns its path.

    commands  the command lines that made out/<app> and out/savedmodels/<app>
    trained   what that model predicted, a dict from demo.predict
    shipped   the same of every shipped model
    """
    run, out = out / app, Path(out)
    card = json.loads((out / "savedmodels" / app / "card.json").read_text())
    measured = json.loads((run / "metrics.json").read_text())
    curves(run / "history.csv", out / "curves.svg")
    parts = [
        "<h1>tfvision</h1><p class=lead>What <code>make demo</code> just did on this computer."
        "</p>",
        f"<h2>{app}: trained, killed, resumed, measured, exported, proven</h2>",
        f"<pre>{escape(chr(10).join(commands))}</pre>",
        section(picture(out, last_picture(run), "what the model does at the end of its training")),
        section(picture(out, out / "curves.svg", "the learning curve, across the kill")
                + numbers(measured)),
        section(formats(card)),
        section(f"<pre>{escape(trained['command'])}</pre>" + examples(out, trained)),
        "<h2>Every shipped model on example input</h2>" if shipped else "",
        *[section(of_model(out, entry)) for entry in shipped],
    ]
    page = out / "index.html"
    hidden = out / ".index.html"
    hidden.write_text(document("".join(parts)))
    os.replace(hidden, page)
    return page


def document(body):
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>tfvision demo</title>"
        '<meta name=viewport content="width=device-width">'
        f"<style>{STYLE}</style><body>{body}</body></html>\n"
    )


def section(content):
    return f"<section class=card>{content}</section>"


def picture(out, file, caption):
    """A picture with its caption, by a path that holds when the folder is moved."""
    source = escape(os.path.relpath(file, out))
    return f'<figure><img src="{source}" alt=""><figcaption>{escape(caption)}</figcaption></figure>'


def last_picture(run):
    return sorted((run / "pictures").glob("*.png"))[-1]


def curves(history, file):
    """The means of each epoch by step, one panel each, as SVG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = read_history(history)
    names = [name for name in rows[0] if name not in ("step", "seconds")]
    figure, axes = pyplot.subplots(1, len(names), figsize=(4.6 * len(names), 2.7), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        axis.plot([r["step"] for r in rows], [r[name] for r in rows], "o-", color="#c4622d", ms=3)
        axis.set_title(name, loc="left", fontsize=10)
        axis.set_xlabel("step", fontsize=9)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file)
    pyplot.close(figure)


def numbers(measured):
    """The metrics of the run, and those of its peers."""
    peers = measured["peers"]
    head = "".join(f"<th class=n>{escape(name)}" for name in ("ours", *peers))
    body = "".join(
        f"<tr><td>{escape(name)}" + "".join(
            f"<td class=n>{'' if v is None else format(v, '.4g')}"
            for v in (value, *[peer.get(name) for peer in peers.values()])
        )
        for name, value in measured["metrics"].items()
    )
    return (f"<table><tr><th>{measured['data']}, {measured['split']}{head}{body}</table>"
            f"<figcaption>{escape(measured['command'])}</figcaption>")


def formats(card):
    """Every exported file: size, largest deviation from Keras, time of a call."""
    rows = ""
    for label, signatures in card["parity"].items():
        for name, outputs in signatures.items():
            proven = all(how["within"] for how in outputs.values())
            deviations = "; ".join(f"{key} {told(how)}" for key, how in outputs.items())
            mark = "<span class=good>equal</span>" if proven else "differs"
            rows += (f"<tr><td>{label}<td>{name}<td>{mark}<td>{escape(deviations)}"
                     f"<td class=n>{card['latency_ms'][name][label]:.1f} ms")
    files = "".join(f"<tr><td>{escape(name)}<td class=n>{size / 1000:,.0f} kB"
                    for name, size in card["files"].items())
    return ("<table><tr><th>format<th>signature<th>proof<th>largest deviation<th class=n>a call"
            f"{rows}</table><br><table><tr><th>file<th class=n>size{files}</table>")


def of_model(out, entry):
    """A shipped model: what it is, what it says to the examples, what it was measured at."""
    card = entry["card"]
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in card["metrics"].items())
    about = f"{card['data']['name']} ({card['data']['licence']})"
    times = card["latency_ms"]["serving_default"]["tflite"]
    return (
        f"<h2 style='margin-top:0'>{escape(card['summary'])}</h2>"
        f"<p class=lead>trained on {escape(about)}: {escape(metrics)}</p>"
        f"<pre>{escape(entry['command'])}</pre>{examples(out, entry)}"
        f"<figcaption>model.tflite {card['files']['model.tflite'] / 1000:,.0f} kB, "
        f"{times:.0f} ms a call on one core when exported</figcaption>"
    )


def examples(out, entry):
    """Inputs that are pictures, and what the model says to them."""
    shown = [("what goes in", file) for file in entry["inputs"][:2]]
    shown += [("what comes out", file) for file in entry["pictures"][:2]]
    shown.sort(key=lambda pair: pair[1].stem)
    pictures = "".join(picture(out, file, f"{said}: {file.name}") for said, file in shown)
    return f"<div class=row>{pictures}</div>"


def escape(text):
    return html.escape(str(text))
