
step 'authorities of databases'
curl -sSf --retry 5 --retry-connrefused --max-time 60 -o /etc/landfall/rds-ca.pem.new \
  "https://truststore.pki.rds.amazonaws.com/$REGION/$REGION-bundle.pem"
grep -q -- '-----BEGIN CERTIFICATE-----' /etc/landfall/rds-ca.pem.new
chmod 0644 /etc/landfall/rds-ca.pem.new
mv /etc/landfall/rds-ca.pem.new /etc/landfall/rds-ca.pem
