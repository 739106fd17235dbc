"""Completion in bash, zsh and fish: the script that each sources, and the answer that it asks gtrack for.

The scripts are ours rather than click's, whose bash script splits and globs what it is given, and whose fish script
cuts a value at its first comma. A script hands over the line up to the cursor in ``COMP_WORDS`` and reads one
candidate a line: its kind, the word, and for zsh and fish what it is, with tabs between. These two quote what they
insert; for bash it is quoted here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gtrack.cli.shell_line import BREAKS, Line, bash_word, read_line
from gtrack.cli.terminal import write

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

    from gtrack.cli.invocation import Invocation

__all__ = ["SCRIPTS", "answer"]

_BASH = """\
_gtrack_completion() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            plain,*) COMPREPLY+=("${line#*,}") ;;
            file,*) compopt -o default 2>/dev/null ;;
        esac
    done < <(COMP_WORDS="${COMP_LINE:0:COMP_POINT}" _GTRACK_BREAKS="$COMP_WORDBREAKS" _GTRACK_COMPLETE=bash_complete \\
        command "$1" 2>/dev/null)
}

# git's own completion asks this for 'git track'.
_git_track() {
    _gtrack_completion gtrack
}

complete -o nosort -F _gtrack_completion gtrack 2>/dev/null || complete -F _gtrack_completion gtrack
"""

_ZSH = """\
#compdef gtrack

_gtrack_completion() {
    local line
    local -a lines part words_found shown
    lines=("${(@f)$(COMP_WORDS="${(F)words[1,CURRENT]}" _GTRACK_COMPLETE=zsh_complete command $words[1] 2>/dev/null)}")
    for line in $lines; do
        part=("${(@ps:\\t:)line}")
        case $part[1] in
            plain)
                words_found+=("$part[2]")
                shown+=("$part[2]${part[3]:+  -- $part[3]}")
                ;;
            file) _files ;;
        esac
    done
    (( $#words_found )) && compadd -V gtrack -l -d shown -a words_found
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _gtrack_completion "$@"
else
    compdef _gtrack_completion gtrack
fi
"""

_FISH = """\
function __gtrack_completion
    set -l command (commandline -opc)[1]
    set -l text (commandline -cp | string collect)
    for line in (env COMP_WORDS="$text" _GTRACK_COMPLETE=fish_complete $command 2>/dev/null)
        set -l part (string split -m 2 \\t -- $line)
        switch $part[1]
            case plain
                printf '%s\\t%s\\n' $part[2] "$part[3]"
            case file
                __fish_complete_path (commandline -ct)
        end
    end
end

complete --no-files --keep-order --command gtrack --arguments '(__gtrack_completion)'
"""

_DASHED = ("--sort",)

SCRIPTS: Mapping[str, str] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""The script of each shell."""


def answer(application: click.Command, invocation: Invocation, instruction: str) -> int:
    """Print what a shell asks for, and return the exit code.

    Args:
        application: The command that is completed.
        invocation: Its environment holds the line in ``COMP_WORDS``.
        instruction: ``bash_complete``, ``zsh_complete`` or ``fish_complete``.
    """
    shell = instruction.partition("_")[0]
    if shell not in SCRIPTS:
        return 1
    line = read_line(invocation.env.get("COMP_WORDS", ""))
    for kind, word, about in _candidates(application, invocation, line):
        if shell != "bash":
            write(sys.stdout, f"{kind}\t{word}\t{about}\n")
        elif (quoted := bash_word(line, word, invocation.env.get("_GTRACK_BREAKS") or BREAKS)) is not None:
            write(sys.stdout, f"{kind},{quoted}\n")
    return 0


def _candidates(application: click.Command, invocation: Invocation, line: Line) -> list[tuple[str, str, str]]:
    """Return the words that can stand under the cursor: their kind, the whole word, and what it is."""
    words = line.words[2:] if line.words[:2] == ("git", "track") else line.words[1:]
    before, typed = "", line.current
    args = list(words)
    if typed.startswith("--") and "=" in typed:
        name, _, typed = typed.partition("=")
        before = f"{name}="
        args.append(name)
    # A value may begin with a dash, which click takes for the beginning of an option: --sort -metrics.loss.
    if typed.startswith("-") and args and args[-1] in _DASHED:
        before, typed = f"{before}-", typed[1:]
    found = _ask(application, invocation, args, typed)
    return [(item.type, before + str(item.value), item.help or "") for item in found]


def _ask(application: click.Command, invocation: Invocation, args: list[str], typed: str) -> list[CompletionItem]:
    from click.shell_completion import ShellComplete

    try:
        return ShellComplete(application, {"obj": invocation}, "gtrack", "").get_completions(args, typed)
    except Exception:
        return []  # whatever is wrong: who types a command must not be written over
