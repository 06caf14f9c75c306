# What the scripts share. Sourced, never run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly CACHE="$PWD/.cache"
mkdir -p "$CACHE"

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# timed WHAT COMMAND...: says what it does, does it, says how long it took.
timed() {
  local what=$1 start=$SECONDS
  shift
  say "$what"
  "$@"
  printf -- '-- %s: %d s\n' "$what" $((SECONDS - start))
}

# install PACKAGE...: Debian packages that are missing, as root or through sudo.
install_packages() {
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && { echo "all there: $*"; return; }
  echo "installing ${missing[*]}"
  local root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >"$CACHE/apt.log" 2>&1 || { tail -n 20 "$CACHE/apt.log" >&2; fail "apt-get could not install ${missing[*]}."; }
}

# What the package is built with and what it needs to run.
readonly BUILD_PACKAGES=(
  git ca-certificates pkg-config libc6-dev libstdc++-12-dev libjpeg-dev libpng-dev libv4l-dev libopenblas-dev
  libmosquitto-dev libsqlite3-dev libcairo2-dev fonts-dejavu-core mosquitto python3-venv
)

# python_environment FOLDER REQUIREMENTS: a virtual environment, made anew when its requirements change. With --system as
# a third word it sees Debian's Python packages, and pip installs exactly what is listed beside them.
python_environment() {
  local folder=$1 requirements=$2 venv=() pip=()
  if [ "${3:-}" = --system ]; then
    venv=(--system-site-packages)
    pip=(--no-deps)
  fi
  if [ -f "$folder/requirements.txt" ] && cmp -s "$requirements" "$folder/requirements.txt"; then
    echo "$folder is up to date"
    return
  fi
  rm -rf "$folder"
  /usr/bin/python3 -m venv "${venv[@]}" "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "${pip[@]}" --requirement "$requirements"
  cp "$requirements" "$folder/requirements.txt"
}

# release_build [WORDS]: the programs. Everything builds them with the Swift runtime linked in, as the package has them: a
# change of that makes SwiftPM compile everything anew.
release_build() { swift build -c release --static-swift-stdlib "$@"; }

# What the tests need besides: a real broker's clients, TLS certificates, arm64 under emulation, and the oracles' Python with
# Debian's CPU torch (PyPI's is several gigabytes of CUDA).
TEST_PACKAGES=(mosquitto-clients openssl python3-torch python3-torchvision)
[ "$(uname -m)" != x86_64 ] ||
  TEST_PACKAGES+=(qemu-user libc6-dev-arm64-cross linux-libc-dev-arm64-cross libgcc-12-dev-arm64-cross)

# oracles: the interpreters that the tests are told of.
oracles() {
  python_environment .venv-oracles Tests/Oracles/requirements.txt
  python_environment .venv-open-clip Tests/Oracles/requirements-open-clip.txt --system
  export ASSAYD_ORACLE_PYTHON=$PWD/.venv-oracles/bin/python
  export ASSAYD_OPEN_CLIP_PYTHON=$PWD/.venv-open-clip/bin/python
}
