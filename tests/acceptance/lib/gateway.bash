# Sourced by the scripts that break the store: a gateway on a journal of their choice, load on it, and mounts that are
# cleaned up whatever happens. Not a test.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
gateway=${GATEWAY:-$root/target/release/callback-gateway}
chat=(python3 "$root/tests/acceptance/lib/chat.py")
# How long to wait for anything, in seconds.
patience=60

[[ $(id -u) == 0 ]] || { echo "needs root, for mounts" >&2; exit 1; }
[[ -x $gateway ]] || (cd "$root" && cargo build --release --locked)

work=$(mktemp -d)
acked=$work/acked
gateway_pid= sender_pid= mounted=()
export GATEWAY_APPS__SHOP__SDK_APP_ID=1400000001
export GATEWAY_APPS__SHOP__TOKEN=the-token-of-the-acceptance-scripts
export GATEWAY_CALLBACKS__LISTEN=127.0.0.1:0 GATEWAY_ADMIN__LISTEN=127.0.0.1:0

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    if [[ -s $work/log ]]; then
        printf -- '--- the end of the gateway'\''s log ---\n' >&2
        tail -n 20 "$work/log" >&2
    fi
    exit 1
}

clean_up() {
    stop_load
    kill_gateway
    local place
    for place in "${mounted[@]}"; do
        umount "$place" 2>>"$work/quiet" || umount -l "$place" 2>>"$work/quiet" || true
    done
    rm -rf "$work"
}

# eventually COMMAND…: tries it until it succeeds.
eventually() {
    local end=$((SECONDS + patience))
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# Starts the gateway on journal $1 with the further arguments; sets `callbacks` and `admin`. False if it ends instead.
start_gateway() {
    local journal=$1
    shift
    : >"$work/welcome"
    GATEWAY_JOURNAL__PATH=$journal LD_PRELOAD=${shim:-} "$gateway" serve "$@" >"$work/welcome" 2>>"$work/log" &
    gateway_pid=$!
    eventually greeted_or_ended || fail "the gateway says nothing"
    callbacks=$(sed -n 's|.*http://\([^/ ]*\)/callback.*|\1|p' "$work/welcome" | head -n 1)
    admin=$(sed -n 's|.*http://\([^/ ]*\)/docs.*|\1|p' "$work/welcome" | head -n 1)
    [[ -n $callbacks && -n $admin ]] && eventually ready_or_ended && is_ready
}

greeted_or_ended() { grep -q /docs "$work/welcome" || ! kill -0 "$gateway_pid" 2>>"$work/quiet"; }
ready_or_ended() { is_ready || ! kill -0 "$gateway_pid" 2>>"$work/quiet"; }
readyz() { curl -s -o "$work/readyz" -w '%{http_code}' "http://$admin/readyz" || true; }
is_ready() { [[ $(readyz) == 200 ]]; }
is_unready() { [[ $(readyz) == 503 ]]; }

kill_gateway() {
    [[ -n $gateway_pid ]] || return 0
    kill -KILL "$gateway_pid" 2>>"$work/quiet" || true
    # A frozen process dies when it goes on.
    kill -CONT "$gateway_pid" 2>>"$work/quiet" || true
    wait "$gateway_pid" 2>>"$work/quiet" || true
    gateway_pid=
}

stop_gateway() {
    kill -TERM "$gateway_pid"
    local status=0
    wait "$gateway_pid" || status=$?
    gateway_pid=
    return "$status"
}

# start_load PREFIX CONNECTIONS: bodies begin with PREFIX, which must be new.
start_load() {
    touch "$acked"
    "${chat[@]}" send "$callbacks" "$acked" "$1" "$2" &
    sender_pid=$!
}

stop_load() {
    [[ -n $sender_pid ]] || return 0
    kill -KILL "$sender_pid" 2>>"$work/quiet" || true
    wait "$sender_pid" 2>>"$work/quiet" || true
    sender_pid=
}

acks() { wc -l <"$acked"; }
has_acks() { (($(acks) >= $1)); }

# Waits until that many more callbacks are acked.
more_acks() { eventually has_acks $(($(acks) + $1)) || fail "no acks come"; }
