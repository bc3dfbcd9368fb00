#!/bin/sh
# Changes an application only if nobody else has meanwhile. Wants curl, OSTIARY and TOKEN.
set -eu
wiki=$OSTIARY/api/v3/core/applications/wiki/
known=$(curl -fsS -D - -o /dev/null -H "Authorization: Bearer $TOKEN" "$wiki" | tr -d '\r' | sed -n 's/^etag: //ip')
curl -sS -X PATCH -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
  -H "If-Match: $known" -d '{"meta_description": "What we know"}' "$wiki"
