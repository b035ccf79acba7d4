//! Manifests of networks, services and databases of every shape, in an account.

pub(super) const HEAD: &str = r#"
landfall: 1
name: shop
environments:
  production: { target: aws, account: "123456789012", region: eu-central-1 }
"#;
/// Every component and setting that the blueprint does not show.
pub(crate) const SHOP: &str = r#"
people:
  alice: { roles: [admin], email: alice@example.org }
  bob: { roles: [reader], email: bob@example.org }
components:
  net: { kind: network, zones: 3, egress: nat-per-zone, block: 10.20.0.0/20 }
  key: { kind: secret, generate: { key: { bytes: 32, encoding: hex } } }
  licence: { kind: secret, given: "env:LICENCE" }
  signing: { kind: secret, generate: rsa }
  app:
    kind: service
    size: large
    instances: 2
    python: { minimum: "3.11", packages: [shop==1.2.0], imports: [shop] }
    command: ["${self.bin.shop}", --port, "${self.port}", --say, "50% of $5 \"now\""]
    environment: { KEY: "${key.value}", LICENCE: "a ${licence.value}", PLAIN: "it's ${self.data}" }
    files:
      shop.sh: { text: "echo $${HOME} {{ data }}\n", mode: "0644" }
      public.pem: { text: "{{ pem }}", with: { pem: "${signing.public}" }, mode: "0644" }
    port: any
  api: { kind: service, command: [/usr/bin/api], port: 8001, needs: [app] }
  job: { kind: service, command: [/usr/bin/job], restart: on-failure }
  web:
    kind: edge
    domain: shop.example.org
    also: [www.shop.example.org, a.example.org, b.example.org, c.example.org]
    exposure: internet
    zone: Z0123456789ABCDEFGHIJ
    routes: { /: { to: [app, api], sticky: true }, /api: { to: api, health: { path: /ok, status: [200, 204] } } }
    tls: { minimum: "1.3" }
  inside:
    kind: edge
    domain: inside.example.org
    exposure: internal
    redirect: false
    routes: { /: api }
"#;
pub(crate) const CLOSED: &str = r#"
components:
  net: { kind: network, egress: endpoints }
  key: { kind: secret, generate: ed25519 }
  app: { kind: service, command: [/usr/bin/app], port: 9000, environment: { KEY: "${key.value}" } }
  web: { kind: edge, domain: app.example.org, exposure: internal, routes: { /: app } }
"#;
pub(crate) const ADOPTED: &str = r#"
components:
  net:
    kind: network
    existing:
      vpc: vpc-0123456789abcdef0
      block: 10.0.0.0/16
      public: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
      private: [subnet-0123456789abcdef2, subnet-0123456789abcdef3]
  app: { kind: service, command: [/usr/bin/app], port: 9000, health: { path: /ok } }
  web: { kind: edge, domain: app.example.org, exposure: internet, routes: { /: app } }
"#;
pub(super) const NO_NETWORK: &str = "components: { app: { kind: service, command: [/usr/bin/app] } }\n";

/// A program of the user's own.
pub(super) const PAGES: &str = r#"
components:
  pages:
    kind: service
    source: pages
    command: [/usr/bin/python3, "${self.source}/serve.py", "${self.port}"]
    port: 9004
    health: { path: /, status: [200], timeout: 30s }
  web: { kind: edge, domain: tabpy.example.org, exposure: internet, routes: { /: pages } }
"#;

/// A database of its own that nobody uses but people.
pub(crate) const RECORDS: &str = r#"
people:
  alice: { roles: [admin] }
components:
  net: { kind: network, egress: endpoints }
  db:
    kind: database
    engine: postgres
    version: "17"
    databases: [records]
    people: { admin: owner }
    zones: 2
guarantees:
  - { nothing: internet, reaches: db }
  - { nothing: db, reaches: internet }
  - { only: net, reaches: db }
"#;
/// A cluster.
pub(super) const CLUSTER: &str = r#"
components:
  db: { kind: database, engine: postgres, version: "17", databases: [records], aurora: true, zones: 2, port: 6000 }
guarantees: [{ only: db, reaches: "db:6000" }, { nothing: db, reaches: internet }]
"#;
/// The other engines.
pub(super) const OTHERS: &str = r#"
components:
  one: { kind: database, engine: mysql, version: "8.4", databases: [records], storage: 100GiB, size: large, backups: { keep: 30, at: "23:50" } }
  two: { kind: database, engine: mariadb, version: "11.4", databases: [records], deletion-protection: false }
"#;

/// An application on a database, people who reach it, and a dashboard elsewhere that reads it.
pub(super) const WEBAPP: &str = r#"
people:
  alice: { roles: [admin], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz" }
  bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY" }
components:
  net: { kind: network }
  db:
    kind: database
    engine: mysql
    version: "8.4"
    databases: [teams]
    people: { admin: owner, analyst: read-only }
  app:
    kind: service
    source: pages
    command: [/usr/bin/python3, "${self.source}/serve.py", "${self.port}"]
    uses: { db: { grants: read-write, connections: 20, driver: pymysql } }
    environment: { DATABASE_URL: "${self.uses.db.url}", DATABASE_HOST: "${self.uses.db.host}", CA: "${self.uses.db.ca}" }
    port: 8000
    health: { path: /health }
  jump:
    kind: bastion
    to: db
    people: [admin, analyst]
    allow: { sources: [203.0.113.0/24, 198.51.100.7/32], owner: ops@example.org, review-by: "2027-06-30" }
  bi:
    kind: tunnel
    target: db
    grants: read-only
    to:
      host: tunnel.vendor.example
      user: tunnel15240
      host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY"
      listen: 15240
  web:
    kind: edge
    domain: teams.example.org
    exposure: internet
    allow: { sources: [203.0.113.0/24], owner: web team, review-by: "2027-06-30" }
    routes: { /: app }
guarantees:
  - { nothing: internet, reaches: db }
  - { only: [app, jump, bi], reaches: "db:3306" }
  - { nothing: db, reaches: internet }
  - { only: [203.0.113.0/24, 198.51.100.7/32], reaches: "jump:22" }
  - { nothing: web, reaches: db }
"#;

/// The same without a way to the internet: its source comes from storage, its authorities from a file.
pub(super) const CLOSED_WEBAPP: &str = r#"
people:
  alice: { roles: [admin] }
components:
  net: { kind: network, zones: 3, egress: endpoints }
  db:
    kind: database
    engine: mariadb
    version: "11.4"
    databases: [teams, stock]
    people: { admin: owner }
    zones: 2
    authorities: rds-ca.pem
  app:
    kind: service
    source: pages
    command: [/usr/bin/python3, "${self.source}/serve.py", "${self.port}"]
    uses: { db: { database: teams, grants: read-write } }
    environment: { DATABASE_URL: "${self.uses.db.url}" }
    port: 8000
  web: { kind: edge, domain: teams.example.org, exposure: internal, routes: { /: app } }
guarantees:
  - { nothing: internet, reaches: app }
  - { nothing: app, reaches: internet }
  - { nothing: db, reaches: internet }
"#;

/// Databases of every kind, and everybody who may come to one.
pub(super) const HOUSE: &str = r#"
people:
  alice: { roles: [admin], email: alice@example.org, ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz" }
  bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY" }
  carol: { roles: [editor] }
components:
  net: { kind: network, zones: 3, egress: nat-per-zone, block: 10.30.0.0/18 }
  main:
    kind: database
    engine: mariadb
    version: "11.4"
    size: medium
    databases: [shop, audit]
    people: { admin: owner, editor: read-write, analyst: { shop: read-only } }
    zones: 2
    storage: 200GiB
    backups: { keep: 35, at: "23:45" }
  archive:
    kind: database
    engine: postgres
    version: "17"
    databases: { events: { extensions: [pg_trgm, pgcrypto] }, history: {} }
    people: { admin: owner, analyst: { history: read-only } }
    aurora: true
    zones: 3
  stock:
    kind: database
    engine: mysql
    version: "8.4"
    databases: [stock]
    people: { admin: owner }
    aurora: true
    size: large
    port: 3310
    deletion-protection: false
  app:
    kind: service
    source: pages
    instances: 2
    command: [/usr/bin/python3, "${self.source}/serve.py", "${self.port}"]
    uses:
      main: { database: shop, grants: read-write, connections: 40 }
      archive: { database: events, grants: read-only }
    environment: { SHOP: "${self.uses.main.url}", EVENTS: "${self.uses.archive.url}" }
    users: { people: [admin, editor] }
    port: 8000
    health: { path: /health }
  worker:
    kind: service
    command: [/usr/bin/worker]
    uses: { stock: { grants: owner, driver: pymysql }, main: { database: audit, grants: read-write } }
    environment: { STOCK: "${self.uses.stock.url}", AUDIT: "${self.uses.main.url}" }
  jump:
    kind: bastion
    to: [main, archive]
    people: [admin, analyst]
    port: 2222
    allow: { sources: [203.0.113.0/24, "2001:db8::/32"], owner: ops@example.org, review-by: "2027-06-30" }
  inner:
    kind: bastion
    to: stock
    people: admin
    allow: { sources: [10.0.0.0/8], owner: ops@example.org, review-by: "2027-06-30" }
  bi:
    kind: tunnel
    target: main
    database: shop
    grants: read-only
    to:
      host: tunnel.vendor.example
      user: tunnel15240
      host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY"
      listen: 15240
  board:
    kind: tunnel
    target: archive
    database: history
    grants: read-only
    to:
      host: 198.51.100.20
      port: 443
      user: landfall
      host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY"
      listen: 15241
  web: { kind: edge, domain: shop.example.org, exposure: internet, routes: { /: app } }
guarantees:
  - { nothing: internet, reaches: main }
  - { nothing: internet, reaches: archive }
  - { nothing: internet, reaches: stock }
  - { only: [app, worker, jump, bi], reaches: "main:3306" }
  - { only: [app, jump, board], reaches: "archive:5432" }
  - { only: [worker, inner], reaches: "stock:3310" }
  - { nothing: web, reaches: main }
"#;

pub(super) const SHAPES: [(&str, &str); 11] = [
    ("shop", SHOP),
    ("closed", CLOSED),
    ("adopted", ADOPTED),
    ("no-network", NO_NETWORK),
    ("pages", PAGES),
    ("records", RECORDS),
    ("cluster", CLUSTER),
    ("others", OTHERS),
    ("webapp", WEBAPP),
    ("closed-webapp", CLOSED_WEBAPP),
    ("house", HOUSE),
];
