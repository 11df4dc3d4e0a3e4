#!/usr/bin/env bash
# npm `yaml` 2.9.1 with `version: "1.1"`, the version that kubectl and many YAML 1.1 readers speak: a word of the letter e
# and digits, such as a key of a ConfigMap, is read as a floating-point number that is no number. The type `float` of
# YAML 1.1 needs a digit and a dot before the exponent; PyYAML and the same package in version 1.2 read a text.
#
# Seen: `e0: x` -> key NaN, `e12` -> NaN; PyYAML 6.0.3: `e0`, `e12`.
# Needs: Node with npm, Python 3 with venv.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-fund --no-audit yaml@2.9.1
python3 -m venv env
env/bin/pip install -q PyYAML==6.0.3

cat >read.mjs <<'JS'
import { parse } from "yaml";
for (const version of ["1.1", "1.2"]) {
  const { data, commit } = parse("data: { e0: x }\ncommit: e12\n", { version });
  console.log(version, Object.keys(data)[0], typeof commit, String(commit));
}
JS
{
  node read.mjs
  env/bin/python -c 'import yaml; d = yaml.safe_load("data: { e0: x }\ncommit: e12\n"); print("PyYAML", *d["data"], type(d["commit"]).__name__, d["commit"])'
} | tee seen
cat >expected <<'SEEN'
1.1 NaN number NaN
1.2 e0 string e12
PyYAML e0 str e12
SEEN
diff expected seen
