#!/usr/bin/env bash
# Edit a real project a few times; after each edit a cached run must say what a full run says.
# Usage: scripts/try-real.sh [PYTHON]   (a Python that has testcache installed; fetches one pinned sdist)
set -euo pipefail

release=sqlparse==0.5.3
python=$(command -v "${1:-python3}")
[[ $python == /* ]] || python=$PWD/$python
folder=$(mktemp -d "${TMPDIR:-/tmp}/testcache-real.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export PYTHONWARNINGS=ignore
TIMEFORMAT='    (%R seconds)'
differences=0

"$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --dest "$folder" "$release"
tar -xzf "$folder"/*.tar.gz -C "$folder" --strip-components=1
cd "$folder"

# Outcomes by test, without the times and reasons that may differ between two runs.
outcomes() { grep -E '^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) ' "$1" | sed 's/ - .*//' | sort; }

compare() {
    printf '\n=== %s\n' "$1"
    "$python" -m pytest -q -rA -p no:cacheprovider >full.txt 2>&1 || true
    time { "$python" -m pytest -q -rA -p no:cacheprovider --cached >cached.txt 2>&1 || true; }
    grep '^testcache: ' cached.txt || true
    tail -n 1 cached.txt
    if ! diff <(outcomes full.txt) <(outcomes cached.txt); then
        echo "DIFFERENT: a full run (<) and a cached run (>) disagree"
        differences=$((differences + 1))
    fi
    [ -n "$(outcomes full.txt)" ] || { cat full.txt; exit 1; }
}

edit() { # FILE OLD NEW
    grep -qF -- "$2" "$1" || { echo "$1 of $release has no text: $2"; exit 1; }
    "$python" - "$@" <<'PY'
import pathlib, sys
file, old, new = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
file.write_text(file.read_text().replace(old, new, 1))
PY
}

compare "the first run records"
compare "nothing changed"
edit sqlparse/sql.py 'def get_alias(self):' 'def get_alias(self):  # a remark'
compare "a comment"
edit sqlparse/utils.py 'def remove_quotes(val):' $'def remove_quotes(val):\n    val = val'
compare "one function, same behaviour"
edit sqlparse/sql.py 'def get_alias(self):  # a remark' $'def get_alias(self):\n        return None'
compare "one function, broken"
edit sqlparse/sql.py $'def get_alias(self):\n        return None' 'def get_alias(self):'
compare "and mended again"

printf '\n%d of 6 comparisons differ\n' "$differences"
[ "$differences" -eq 0 ]
