#!/usr/bin/env bash
# Deno 2.9.6: while a program always has a `setImmediate` pending, its sockets are looked at only in about every 61st pass
# of the event loop (tokio's `event_interval`). Work that is cut into pieces of 1 ms and chained by `setImmediate`, as Node's
# documentation advises so that others get their turn, delays each answer on a socket by some 50 ms. The same work
# chained by `setTimeout(…, 0)` delays it by a millisecond. Node 20 looks at its sockets in each pass.
#
# Seen: median of 40 round trips over a Unix socket, 2 cores: Deno 51 ms with setImmediate, 1.2 ms with setTimeout; Node
# 0.3 ms with either.
# Needs: Node with npm, Python 3.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund deno@2.9.6 >install.log 2>&1 || { cat install.log; exit 1; }
deno=$(DENO_NO_UPDATE_CHECK=1 npx deno eval 'console.log(Deno.execPath())')

cat >server.mjs <<'PROGRAM'
import { createServer } from "node:net";

const [, , how, path] = process.argv;
const chain = how === "setImmediate" ? setImmediate : (work) => setTimeout(work, 0);
const work = () => {
  const until = performance.now() + 1;
  while (performance.now() < until);
  chain(work);
};
createServer((socket) => socket.on("data", (bytes) => socket.write(bytes))).listen(path, work);
setTimeout(() => process.exit(0), 20_000);
PROGRAM

cat >client.py <<'PROGRAM'
import socket
import statistics
import sys
import time

client = socket.socket(socket.AF_UNIX)
for _ in range(200):
    try:
        client.connect(sys.argv[1])
        break
    except OSError:
        time.sleep(0.05)
times = []
for _ in range(40):
    began = time.perf_counter()
    client.sendall(b"x")
    client.recv(1)
    times.append((time.perf_counter() - began) * 1000)
    time.sleep(0.01)
print(f"{statistics.median(times):.1f}")
PROGRAM

# median HOW COMMAND…: milliseconds.
median() {
  local how=$1 server
  shift
  "$@" server.mjs "$how" "$folder/$how.sock" &
  server=$!
  python3 client.py "$folder/$how.sock"
  kill "$server"
  wait "$server" 2>/dev/null || true
  rm -f "$folder/$how.sock"
}

immediate=$(median setImmediate "$deno" run -A)
timeout=$(median setTimeout "$deno" run -A)
node=$(median setImmediate node)
echo "Deno, setImmediate: $immediate ms; Deno, setTimeout: $timeout ms; Node, setImmediate: $node ms"
# The factor is some 40; a busy machine makes it smaller.
awk -v i="$immediate" -v t="$timeout" -v n="$node" 'BEGIN { exit !(i > 8 * t && i > 8 * n) }'
