#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The schema for editors must not disagree with the parser: what that takes without a warning, the schema takes, and of
what is refused as broken or hostile the schema finds the given part."""

import json
import pathlib
import sys

import jsonschema
import yaml

schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
corpus = pathlib.Path(sys.argv[2])
validator = jsonschema.Draft7Validator(schema)
jsonschema.Draft7Validator.check_schema(schema)

# Not what a schema can see: where two mounts meet, what a path covers, what YAML itself forbids here.
BEYOND = ('target-', 'billion', 'anchor', 'merge', 'tag', 'many-', 'name-twice', 'directive', 'deep', 'memory-',
          'environment-escape', 'environment-nul', 'environment-megabyte', 'environment-value', 'description-',
          'version-', 'mount-source-empty', 'source-long', 'readonly-quoted', 'escape', 'root-', 'name-is', 'key-empty', 'utf16')


def load(path):
    try:
        return yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


failed = 0
for path in sorted(corpus.glob('valid/*.yml')):
    errors = list(validator.iter_errors(load(path)))
    if bool(errors) != (path.stem == 'unknown-keys'):
        print(f'{path}: {errors[0].message if errors else "accepted"}', file=sys.stderr)
        failed += 1

for path in sorted([*corpus.glob('broken/*.yml'), *corpus.glob('hostile/*.yml')]):
    document = load(path)
    if document is None or path.stem.startswith(BEYOND):
        continue
    if validator.is_valid(document):
        print(f'{path}: accepted', file=sys.stderr)
        failed += 1

sys.exit(failed > 0)
