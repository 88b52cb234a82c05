# Sourced by the scripts that open a page: headless Chromium, packages of npm in the temporary folder $work, and
# pictures for the documents. Not a test.

need_apt() {
    apt-get update -qq >"$work/apt" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >>"$work/apt" 2>&1 ||
        { cat "$work/apt" >&2; exit 1; }
}

find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome || true; }

# Sets `chromium`, which CHROMIUM overrides; Debian's is installed when there is none.
need_chromium() {
    chromium=${CHROMIUM:-$(find_chromium)}
    [[ -z $chromium ]] || return 0
    need_apt chromium
    chromium=$(find_chromium)
}

# need_npm PACKAGE…: they lie in `$node_modules` then, where NODE_PATH finds them.
node_modules=$work/node/node_modules
need_npm() {
    npm install --prefix "$work/node" --silent --no-audit --no-fund --ignore-scripts "$@" >"$work/npm" 2>&1 ||
        { cat "$work/npm" >&2; exit 1; }
}

# keep_picture PNG NAME: as docs/pictures/NAME.png, in 256 colours.
keep_picture() {
    command -v pngquant >>"$work/apt" || need_apt pngquant
    mkdir -p "$root/docs/pictures"
    pngquant --force --strip --speed 1 --output "$root/docs/pictures/$2.png" "$1"
    echo "picture: docs/pictures/$2.png, $(stat -c %s "$root/docs/pictures/$2.png") bytes"
}
