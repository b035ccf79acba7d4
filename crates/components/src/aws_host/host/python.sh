
step 'Python environment'
python3 -c '
import sys
least = tuple(int(part) for part in sys.argv[1].split("."))
sys.exit(f"Python {sys.argv[1]} is needed, this is {sys.version}" if sys.version_info < least else 0)
' "$PYTHON_MINIMUM"
python3 -m venv --clear --without-pip /opt/landfall/python
pip=/opt/landfall/pip-26.3-py3-none-any.whl
curl -sSf --retry 5 --max-time 120 -o "$pip" \
  https://files.pythonhosted.org/packages/07/25/ee8c38ae72d66b844ce8eb9711ba905dba21ca1a8a0c960057c41cd23337/pip-26.3-py3-none-any.whl
printf '%s  %s\n' f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13 "$pip" | sha256sum --check --quiet
pip() { /opt/landfall/python/bin/python "$pip/pip" --disable-pip-version-check --no-input "$@"; }
pip install --no-cache-dir --progress-bar off --retries 5 \
  --requirement /etc/landfall/requirements.txt --constraint /etc/landfall/constraints.txt
pip check
while read -r module; do
  step "import $module"
  /opt/landfall/python/bin/python -c 'import importlib, sys; importlib.import_module(sys.argv[1])' "$module"
done </etc/landfall/imports.txt
