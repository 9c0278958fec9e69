"""Flags: an app's Config and a verb's own, read by tyro; kept in the run folder as typed."""

import dataclasses
import inspect
import json
import os
import re
import shlex
from typing import Annotated, get_type_hints

import tyro

from tfvision.commands.errors import UsageError


def flag(kind, default, help):
    """A flag of a verb, for `parse`."""
    return Annotated[kind, tyro.conf.arg(help=help)], dataclasses.field(default=default)


def parse(app, verb, args, **own):
    """The app's Config, and the verb's own flags as a dict, from the command line.

    own   name -> flag(...); they are shown in --help below those of the app
    """
    kinds, told = get_type_hints(app.Config), comments(app.Config)
    shared = {
        f.name: flag(kinds[f.name], f.default, told[f.name]) for f in dataclasses.fields(app.Config)
    }
    fields = [(name, *kind_and_default) for name, kind_and_default in {**shared, **own}.items()]
    both = dataclasses.make_dataclass("Flags", fields, frozen=True, kw_only=True)
    both.__doc__ = app.Config.__doc__
    flags = tyro.cli(both, args=args, prog=f"tfvision {verb} {name_of(app)}")
    return (app.Config(**{name: getattr(flags, name) for name in shared}),
            {name: getattr(flags, name) for name in own})


def comments(config):
    """What the source says behind each field, in its line and those below it: name -> text.

    A field that is declared again without a word keeps that of the base.
    """
    found = {}
    for kind in filter(dataclasses.is_dataclass, reversed(config.__mro__)):
        source = inspect.getsource(kind)
        for name, rest in re.findall(r"^    (\w+): (.*(?:\n(?!    \w| *$).*)*)", source, re.M):
            said = " ".join(re.findall(r"# (.*)", rest))
            found[name] = said or found.get(name, "")
    return found


def parse_again(app, verb, args, **own):
    """As `parse`, with the flags of the run folder before those typed now."""
    config, _ = parse(app, verb, args, **own)
    file = config.run / "config.json"
    if not file.exists():
        raise UsageError(f"{config.run}: no run is there. Train one: {command('train', app, args)}")
    return parse(app, verb, [*json.loads(file.read_text())["flags"], *args], **own)


def write_config(app, config, flags, *, made_by=None, folder=None):
    """config.json of the run folder: the flags as typed and what they mean.

    made_by  the command line, where it was not `tfvision train`
    folder   where to write it, if not yet in config.run
    """
    folder = folder or config.run
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "app": name_of(app),
        "command": made_by or command("train", app, flags),
        "flags": flags,
        "config": plain(config),
    }
    hidden = folder / ".config.json"
    hidden.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(hidden, folder / "config.json")


def differences(app, config):
    """Flags in which the run folder's config.json differs: name -> (there, now); {} without one."""
    file = config.run / "config.json"
    if not file.exists():
        return {}
    there, now = json.loads(file.read_text())["config"], plain(config)
    names = [name for name in {**there, **now} if there.get(name) != now.get(name)]
    return {name: (there.get(name), now.get(name)) for name in names}


def plain(config):
    """The Config as JSON knows it."""
    return json.loads(json.dumps(dataclasses.asdict(config), default=str))


def name_of(app):
    return app.__name__.rpartition(".")[2]


def command(verb, app, args):
    """The command line that a user would type."""
    return shlex.join(["tfvision", verb, name_of(app), *args])
