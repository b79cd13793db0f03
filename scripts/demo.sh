#!/usr/bin/env bash
# The main job in two minutes: run cold, run warm, edit one function, ask why, run again.
# Usage: scripts/demo.sh [PYTHON]   (a Python that has testcache installed)
set -euo pipefail

python=$(command -v "${1:-python3}") # a path: the demo changes its folder
[[ $python == /* ]] || python=$PWD/$python
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/testcache-demo.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cp -R "$here/examples/shop/." "$folder"
cd "$folder"
export SHOP_COUNTRY=DE
export PYTHONWARNINGS=ignore # other plugins of this environment have their say elsewhere
TIMEFORMAT='(%R seconds)'

step() { printf '\n=== %s\n' "$1"; }
show() { printf '$ %s\n' "$*"; }
run() {
    show pytest --cached
    time "$python" -m pytest -q --cached
}

step "1. The first run: everything runs and is recorded"
run

step "2. Nothing changed: nothing runs"
run

step "3. One function is edited"
show "sed -i 's/count >= 10/10 <= count/' shop/cart.py"
sed 's/count >= 10/10 <= count/' shop/cart.py >edited && mv edited shop/cart.py

step "4. Why will this test run again?"
test='tests/test_cart.py::test_ten_of_a_kind_are_cheaper'
show "testcache explain $test"
"$python" -m testcache explain "$test" || [ $? -eq 1 ] # 1 says: it will run

step "5. Only the tests that ran this function run"
run

step "6. A comment is no change"
show "echo '# a remark' >> shop/cart.py"
echo '# a remark' >>shop/cart.py
run
