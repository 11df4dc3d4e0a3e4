#!/usr/bin/env bash
# etcdctl 3.7.3: `snapshot status FILE` and `snapshot restore FILE` no longer exist; they moved to etcdutl. The command
# `snapshot` takes the unknown word for an argument, prints its help to standard output and ends with 0. A backup job
# that checks its snapshots by the exit status of `etcdctl snapshot status` goes on passing, whatever the file is and
# also where there is none. etcdutl 3.7.3 ends with 1.
#
# Seen: exit status 0 and the usage of `etcdctl snapshot` for both words, with a file that does not exist.
# Needs: Go.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >go.mod <<'MODULE'
module example.test/finding

go 1.26

require (
	go.etcd.io/etcd/etcdctl/v3 v3.7.3
	go.etcd.io/etcd/etcdutl/v3 v3.7.3
)

tool (
	go.etcd.io/etcd/etcdctl/v3
	go.etcd.io/etcd/etcdutl/v3
)
MODULE
for program in etcdctl etcdutl; do
  GOFLAGS=-mod=mod go build -o "$program" "go.etcd.io/etcd/$program/v3" 2>build.log || { cat build.log; exit 1; }
done

{
  for word in status restore; do
    code=0
    ./etcdctl snapshot "$word" no-such-file.db >out 2>err || code=$?
    echo "etcdctl $word: exit $code, usage $(grep -c 'etcdctl snapshot \[command\]$' out), errors $(wc -l <err)"
  done
  code=0
  ./etcdutl snapshot status no-such-file.db >out 2>err || code=$?
  echo "etcdutl status: exit $code"
} >seen
cat >expected <<'SEEN'
etcdctl status: exit 0, usage 1, errors 0
etcdctl restore: exit 0, usage 1, errors 0
etcdutl status: exit 1
SEEN
cat seen
diff expected seen
