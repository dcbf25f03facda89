#!/usr/bin/env bash
# Follows the stream with curl: comes back with the last id until COUNT messages were seen.
set -uo pipefail
seen=""
count=0
last=$cursor
while [ "$count" -lt "$COUNT" ]; do
  while IFS= read -r line; do
    case $line in
      "id: "*) last=${line#id: } ;;
      "data: "*'"type":"message.new"'*)
        seen="$seen $(sed 's/.*"seq":\([0-9]*\).*/\1/' <<<"$line")"
        count=$((count + 1))
        [ "$count" -lt "$COUNT" ] || break
        ;;
    esac
  done < <(curl -sN "$NOTIFY/events" -H "Authorization: Bearer $token" -H "Last-Event-ID: $last")
  [ "$count" -ge "$COUNT" ] || read -rt 0.2 <> <(:) || :
done
echo "seen:$seen"
