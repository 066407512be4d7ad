#!/bin/sh
# Runs inside a container: renders the templates from the environment, as a native start does, then runs the server.
# `cores` are the processors of the container and `tasks` one more; all else that the templates name is environment.
# Environment: templates, role, conf, data, tmp, heap, direct, classes, main.
set -eu
cores="$(nproc)" tasks="$(($(nproc) + 1))"
mkdir -p "$conf" "$data" "$tmp"
render() {
  if [ -f "$1" ]; then
    eval "cat <<END
$(cat "$1")
END" >"$2"
  fi
}
for template in "$templates"/* "$templates/$role"/*; do
  render "$template" "$conf/${template##*/}"
done
for template in "$templates"/data/*; do
  [ -e "$data/${template##*/}" ] || render "$template" "$data/${template##*/}"
done
# The main class may have arguments, so that $main is split.
# shellcheck disable=SC2086
exec java "-Xms$heap" "-Xmx$heap" "-XX:MaxDirectMemorySize=$direct" "@$conf/jvm.options" -cp "$conf:$classes" $main
