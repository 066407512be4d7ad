#!/bin/sh
# Runs inside a container: renders the templates from the environment, as a native start does, then runs the server.
# `cores` are the processors of the container and `tasks` one more; all else that the templates name is environment.
# Environment: templates, role, conf, data, tmp, heap, direct, classes, main.
set -eu
cores="$(nproc)" tasks="$(($(nproc) + 1))"
mkdir -p "$conf" "$data" "$tmp"
for template in "$templates"/* "$templates/$role"/*; do
  if [ -f "$template" ]; then
    eval "cat <<END
$(cat "$template")
END" >"$conf/${template##*/}"
  fi
done
# The main class may have arguments, so that $main is split.
# shellcheck disable=SC2086
exec java "-Xms$heap" "-Xmx$heap" "-XX:MaxDirectMemorySize=$direct" "@$conf/jvm.options" -cp "$conf:$classes" $main
