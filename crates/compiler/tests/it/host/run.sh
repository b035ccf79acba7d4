#!/bin/bash
# Runs a host's programs in namespaces of their own: FOLDER FAKE STATUS, where STATUS is how set-up ends.
set -euo pipefail
export folder=$1
fake=$2 status=$3
ip link set lo up
ip address add 169.254.169.254/32 dev lo
mount -t tmpfs none /mnt
mkdir -p /mnt/etc /mnt/lib /mnt/upper /mnt/work
mount -t tmpfs none /usr/local/lib
mkdir /usr/local/lib/landfall
cp "$folder"/usr/local/lib/landfall/* /usr/local/lib/landfall/
chmod +x /usr/local/lib/landfall/*
mount -t overlay overlay -o "lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work" /etc
mkdir /etc/landfall
cp "$folder"/etc/landfall/host.env "$folder"/etc/landfall/secrets /etc/landfall/
printf '127.0.0.1 %s.us-west-2.amazonaws.com\n' secretsmanager logs cloudformation >/etc/hosts
printf '#!/bin/bash\necho "== step \\"one\\""\necho\necho trouble >&2\nexit %s\n' "$status" >/usr/local/lib/landfall/set-up
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=fake \
  -addext 'subjectAltName=DNS:*.us-west-2.amazonaws.com' -keyout /mnt/key.pem -out /mnt/only.pem 2>/dev/null
cat /mnt/key.pem /mnt/only.pem >/mnt/both.pem
export CURL_CA_BUNDLE=/mnt/only.pem
printf '{"the-TabpyFilePasswordsTxt": "analyst \\"x\\" \\u00fc\\nlast line\\n"}' >"$folder/secrets.json"
python3 "$fake" metadata </dev/null >/mnt/metadata 2>&1 &
first=$!
python3 "$fake" services 127.0.0.1 /mnt/both.pem "$folder/journal" "$folder" </dev/null >/mnt/services 2>&1 &
trap 'kill $first $!' EXIT
for _ in {1..100}; do
  if test -s /mnt/metadata && test -s /mnt/services; then break; fi
  sleep 0.1
done
# There is no such user here.
chown() { echo "chown $*" >>"$folder/journal"; }
export -f chown
/usr/local/lib/landfall/fetch-secrets
code=0
/usr/local/lib/landfall/first-boot || code=$?
echo "first-boot ended with $code" >>"$folder/journal"
