"""Writes a program's manual page from what it says of its own arguments: manual_page.py PROGRAM SECTION >PAGE

The program is asked with --experimental-dump-help, which swift-argument-parser understands, so page and --help agree.
"""

import json
import subprocess
import sys


def escaped(text):
    """Text that roff leaves as it stands: no escapes, no requests at the beginning of a line."""
    text = text.replace("\\", "\\(rs").replace("-", "\\-").replace("`", "\\(ga")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def spelled(name, value):
    dashes = "--" if name["kind"] == "long" else "-"
    return f"\\fB{escaped(dashes + name['name'])}\\fR" + (f" \\fI{escaped(value)}\\fR" if value else "")


def argument(argument):
    value = argument.get("valueName", "value")
    if argument["kind"] == "positional":
        head = f"\\fI{escaped(value)}\\fR"
    else:
        shown = value if argument["kind"] == "option" else None
        head = ", ".join(spelled(name, shown) for name in argument["names"])
    text = escaped(argument.get("abstract", ""))
    if "defaultValue" in argument:
        text += f" By default {escaped(argument['defaultValue'])}."
    if argument.get("allValues"):
        text += f" One of {escaped(', '.join(argument['allValues']))}."
    return f".TP\n{head}\n{text.strip()}\n"


def arguments(command):
    """All but --help and --version, which every command has."""
    return "".join(
        argument(a)
        for a in command.get("arguments", [])
        if a["shouldDisplay"] and not {n["name"] for n in a.get("names", [])} & {"help", "version"}
    )


def discussion(command):
    text = command.get("discussion", "")
    return f".PP\n.nf\n{escaped(text)}\n.fi\n" if text else ""


def subcommands(command, path):
    page = ""
    for child in command.get("subcommands", []):
        if child["commandName"] == "help" or not child.get("shouldDisplay", True):
            continue
        name = path + [child["commandName"]]
        page += f".SS {escaped(' '.join(name))}\n{escaped(child.get('abstract', ''))}\n"
        page += discussion(child) + arguments(child) + subcommands(child, name)
    return page


def main():
    program, section = sys.argv[1:]
    dump = subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True).stdout
    command = json.loads(dump)["command"]
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    name = command["commandName"]
    abstract = command["abstract"].rstrip(".")
    page = f'.TH {name.upper()} {section} "" "assayd {version}" "assayd"\n'
    page += f".SH NAME\n{name} \\- {escaped(abstract[0].lower() + abstract[1:])}\n"
    children = [c["commandName"] for c in command.get("subcommands", []) if c["commandName"] != "help"]
    synopsis = " \\fIcommand\\fR" if children else ""
    page += f".SH SYNOPSIS\n\\fB{name}\\fR{synopsis} [\\fIoptions\\fR]\n"
    page += ".SH DESCRIPTION\n" + escaped(command["abstract"]) + "\n" + discussion(command)
    page += ".SH OPTIONS\n" + arguments(command)
    page += ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShow what a command takes.\n"
    if children:
        page += ".SH COMMANDS\n" + subcommands(command, [])
    other = "\\fBassayctl\\fR(1)" if name == "assayd" else "\\fBassayd\\fR(8)"
    page += f".SH FILES\n.TP\n/etc/assayd\nThe configuration.\n.TP\n/var/lib/assayd\nModels, recipes, evidence.\n"
    page += f".SH SEE ALSO\n{other}, /usr/share/doc/assayd/docs/configuration.md\n"
    sys.stdout.write(page)


main()
