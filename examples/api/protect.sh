#!/bin/sh
# Protects an application: a provider for its address, and the application that uses it. Wants curl, OSTIARY and TOKEN.
set -eu
api() { curl -fsS -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" "$@"; }
field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }

flow() { api "$OSTIARY/api/v3/flows/instances/$1/" | field '["pk"]'; }

provider=$(api "$OSTIARY/api/v3/providers/proxy/" -d "{
  \"name\": \"wiki\",
  \"mode\": \"forward_single\",
  \"external_host\": \"https://wiki.example.com\",
  \"authorization_flow\": \"$(flow default-provider-authorization-implicit-consent)\",
  \"invalidation_flow\": \"$(flow default-provider-invalidation-flow)\"
}" | field '["pk"]')

api "$OSTIARY/api/v3/core/applications/" -d "{\"name\": \"Wiki\", \"slug\": \"wiki\", \"provider\": $provider}"
