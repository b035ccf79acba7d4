# Puts MySQL 8 for tests into a folder ($1): Ubuntu's packages, taken and checked by Debian's client, and the libraries they need.
# The key ring comes first; it is trusted because its digest is known, everything else because it is signed.
folder=$1
rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/packages" "$folder/root"
cd "$folder/packages"
get() {
    options=$1
    shift
    for suite in jammy jammy-updates; do
        echo "deb [$options] http://archive.ubuntu.com/ubuntu $suite main universe"
    done >../apt/list
    for words in update "download $*"; do
        # shellcheck disable=SC2086
        apt-get -q -o Dir::State::lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" \
            -o Dir::Etc::sourcelist="$folder/apt/list" -o Dir::Etc::sourceparts=/dev/null \
            -o Dir::State::status=/dev/null -o APT::Sandbox::User=root -o Acquire::Languages=none $words
    done
    for package in *.deb; do dpkg --extract "$package" ../root; done
}
keyring=$folder/root/usr/share/keyrings/ubuntu-archive-keyring.gpg
get trusted=yes ubuntu-keyring
echo "1a4dd63e5c76728960a2edddae22e2e0fc53df8e8b87806deb971030ac704eb0  $keyring" | sha256sum --check --quiet
rm -r ../apt/lists
mkdir -p ../apt/lists/partial
get "signed-by=$keyring" mysql-server-core-8.0 mysql-client-core-8.0 libaio1 libevent-core-2.1-7 libevent-pthreads-2.1-7 libicu70 libmecab2 \
    libprotobuf-lite23
rm -r ../apt ../packages
LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu "$folder/root/usr/sbin/mysqld" --no-defaults --version >"$folder/version"
