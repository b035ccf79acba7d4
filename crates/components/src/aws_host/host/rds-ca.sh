
step 'authorities of databases'
case "$REGION" in
  cn-*) published=rds-truststore.s3.cn-north-1.amazonaws.com.cn ;;
  us-gov-*) published=truststore.pki.us-gov-west-1.rds.amazonaws.com ;;
  *) published=truststore.pki.rds.amazonaws.com ;;
esac
curl -sSf --retry 5 --retry-connrefused --max-time 60 -o /etc/landfall/rds-ca.pem.new \
  "https://$published/$REGION/$REGION-bundle.pem"
grep -q -- '-----BEGIN CERTIFICATE-----' /etc/landfall/rds-ca.pem.new
chmod 0644 /etc/landfall/rds-ca.pem.new
mv /etc/landfall/rds-ca.pem.new /etc/landfall/rds-ca.pem
