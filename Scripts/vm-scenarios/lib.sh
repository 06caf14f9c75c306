# What the scenarios share: a station on this machine, its broker's messages, cameras, and assertions. Sourced, never run.
#
#   fresh_station [small|real] [keep]  configuration, model and recipe `part` anew; no line yet. `keep` leaves the state as it is
#   camera_line NAME DEVICE      writes a line; further lines of its `camera` section come from standard input
#   start_station, stop_station  as systemd does it; the broker's messages are recorded meanwhile
#   wait_for SECONDS WHAT CMD... until CMD succeeds
#   status LINE [FILTER]         the line's last status, through jq
#   expect_state LINE STATE [SECONDS] [REASON]
#   expect_counts LINE [FILTER]  after stop_station: nothing lost, nothing counted twice, every result received
#   vivid [PARAMETER=VALUE...]   the kernel's virtual camera as /dev/video0; `vivids COUNT` are several
#   usb_camera SERIAL [OPTION...]  a USB camera of ours; `usb SERIAL WORDS` tells it what to do (tools/usb_camera.py)
#   expect_frame_numbers LINE    each frame's number once, in order
#   proved TEXT                  what the scenario has shown
#   keep_everything MIB          evidence of every frame, as long as so much of the disk is free; `evidence` lists it
#   recovery WHAT SECONDS...     how long it took until all was well again
set -uo pipefail
shopt -s nullglob
readonly WORK=/run/scenarios ROOT=assayd/vm
mkdir -p "$WORK"

# recovery WHAT SECONDS...: median and worst, for docs/reliability.md
recovery() {
  printf '   recovery: %s: %s\n' "$1" "$(printf '%s\n' "${@:2}" | sort -n |
    awk '{ all[NR] = $1 } END { printf "median %s s, worst %s s of %d", all[int((NR + 1) / 2)], all[NR], NR }')"
}

proved() { printf '   proved: %s\n' "$*"; }
fail() {
  printf '   NOT SO: %s\n' "$*"
  exit 1
}

# expect WHAT CMD...: fails unless CMD succeeds.
expect() {
  local what=$1
  shift
  "$@" || fail "$what"
}

# wait_for SECONDS WHAT CMD...: fails where CMD does not succeed in that time, or three times that: the machine is emulated, and nobody
# knows on what.
wait_for() {
  local limit=$(($1 * 3)) what=$2 begin=$SECONDS
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $((SECONDS - begin)) -lt "$limit" ] || fail "$what: not within $limit s"
    sleep 0.4
  done
}
seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# --- the station

installed() {
  dpkg-query -W -f '${Status}' assayd 2>/dev/null | grep -q 'ok installed' || dpkg -i /vm/assayd.deb >"$WORK/dpkg.log" 2>&1 ||
    { cat "$WORK/dpkg.log"; fail "the package cannot be installed"; }
}

fresh_station() {
  local kind=${1:-small}
  installed
  systemctl stop assayd 2>/dev/null
  systemctl reset-failed assayd 2>/dev/null
  rm -rf /etc/assayd/*
  cp -r "/vm/$kind/etc/assayd/." /etc/assayd/
  if [ "${2:-}" != keep ]; then
    rm -rf /var/lib/assayd/*
    cp -r "/vm/$kind/var/lib/assayd/." /var/lib/assayd/
  fi
  chown -R root:root /etc/assayd
  chown -R assayd:assayd /var/lib/assayd
  journalctl --rotate --vacuum-time=1s -q 2>/dev/null
  # No statuses of the last scenario.
  systemctl stop mosquitto
  rm -f /var/lib/mosquitto/*
  systemctl start mosquitto
  rm -f "$WORK"/messages
}

# line NAME <YAML
line() { cat >"/etc/assayd/lines/$1.yaml"; }

# camera_line NAME DEVICE [RECIPE] <<keys of `camera`, indented by two
camera_line() {
  local keys=
  [ -t 0 ] || keys=$(cat)
  printf 'camera:\n  device: %s\n%s\nrecipe: %s\n' "$2" "$keys" "${3:-part}" | line "$1"
}

# start_station [OPTION...]: options are mosquitto_sub's; with `-c -i recorder` the broker keeps what comes while it is not connected.
start_station() {
  record "$@"
  systemctl start assayd || { journalctl -u assayd --no-pager -n 30; fail "systemctl start assayd"; }
}

record() {
  mosquitto_sub "$@" -q 1 -t "$ROOT/#" -F '%t %p' >"$WORK/messages" &
  RECORDER=$!
  wait_for 10 "the broker" mosquitto_pub -t scenarios -m up
}

stop_station() {
  systemctl stop assayd || fail "systemctl stop assayd"
  # The station gives the broker half a second; where the machine is starved, the will speaks instead.
  wait_for 20 "the station's last word" grep -aq "^$ROOT/availability \(stopped\|offline\)" "$WORK/messages"
  sleep 0.5
  kill "$RECORDER" 2>/dev/null
  wait "$RECORDER" 2>/dev/null
}

# messages TOPIC [FILTER]: all that came on a topic below the root, one JSON a line.
messages() { sed -n "s#^$ROOT/$1 ##p" "$WORK/messages" | jq -c "${2:-.}"; }
status() { messages "$1/status" | tail -n 1 | jq -r "${2:-.}"; }

# Asked again and again, so without jq where it can be: every program that is started costs a slow machine much. (Heat maps among the
# messages are no text.)
is_state() {
  [[ "$(grep -a "^$ROOT/$1/status " "$WORK/messages" | tail -n 1)" == *"\"state\":\"$2\""* ]] &&
    { [ -z "${3:-}" ] || status "$1" .reason | grep -q -- "$3"; }
}
expect_state() {
  wait_for "${3:-20}" "the state $2 of line $1${4:+ for the reason \"$4\"} (last: $(status "$1" '"\(.state): \(.reason)"'))" \
    is_state "$1" "$2" "${4:-}"
}
# What the station says from now on, read by `said REGEXP`. (The status topic tells how a line is; a fault that is over within a tenth of a
# second may only be in the journal.) The cursor is of the station's own last entry: journalctl 252 leaves out the first entry behind one that
# the filter does not show.
listen() { CURSOR=$(journalctl -u assayd -n 0 --show-cursor --no-pager | sed -n 's/^-- cursor: //p'); }
said() { journalctl -u assayd -o cat --no-pager --after-cursor="$CURSOR" | grep -m 1 -- "$1"; }

# has_judged LINE COUNT: by the verdicts that came.
has_judged() { [ "$(verdicts "$1")" -ge "$2" ]; }
verdicts() { grep -ac "^$ROOT/$1/verdict ." "$WORK/messages"; }

# The results of one run of a line, as they came: how many, and how many copies. Fails unless they came in the order 1, 2, 3, ..., and each
# copy says that it is one.
results_of() {
  messages "$1/result" '"\(.boot_id) \(.seq) \(.replayed)"' | tr -d '"' | awk -v boot="$2" -v OFS=' ' '
    $1 != boot { next }
    $2 <= n { copies++; if ($3 != "true") exit bad = 1; next }
    $2 != ++n { exit bad = 1 }
    END { print n + 0, copies + 0; exit bad }'
}
# The results of which there is evidence on the disk: what the station has judged, whether anybody has heard of it or not.
evidence() { find /var/lib/assayd/evidence -name '*.json' -printf '%f\n' | cut -d. -f1 | sort -u; }
has_evidence() { [ "$(evidence | wc -l)" -ge "$1" ]; }
keep_everything() { printf 'evidence:\n  sample_every: 1\n  reserve_mib: %s\n' "$1" >>/etc/assayd/assayd.yaml; }
# untold LINE <result ids: those that no result came for.
untold() { sort -u | comm -23 - <(messages "$1/result" .result_id | tr -d '"' | sort -u); }
# The start of the program that the last result is of.
boot() { messages "$1/result" .boot_id | tail -n 1 | tr -d '"'; }

# The books of a line that stopped, of its last run. Checked from outside: results were received over MQTT by another program.
expect_counts() {
  local line=$1 filter=${2:-true} last results copies waiting
  last=$(messages "$line/stats" | tail -n 1 | jq -c .counters)
  [ -n "$last" ] || fail "line $line sent no counters"
  jq -e '.captured == .judged + .replaced + ([.rejected[]] | add // 0) and .captured > 0' <<<"$last" >/dev/null ||
    fail "the books of line $line do not balance: $last"
  jq -e "$filter" <<<"$last" >/dev/null || fail "the books of line $line are not as expected ($filter): $last"
  # Every frame judged or rejected has one result, except those rejected because the station stopped. What the broker had not acknowledged
  # by then waits on disk for the next start.
  results=$(results_of "$line" "$(boot "$line")") || fail "the results of line $line are not numbered 1, 2, 3, ..., or a copy does not say so"
  read -r results copies <<<"$results"
  waiting=$(journalctl -u assayd -o cat --no-pager | sed -n 's/.*The station has stopped.* unacknowledged=\([0-9]*\).*/\1/p' | tail -n 1)
  jq -e --argjson n "$results" --argjson w "${waiting:-0}" '.judged +
    ([.rejected | to_entries[] | select(.key != "stopped") | .value] | add // 0) | . >= $n and . <= $n + $w' <<<"$last" >/dev/null ||
    fail "line $line counts $last, but $results results came and $waiting wait"
  printf '   books of %s: %s = %s results%s%s\n' "$line" "$last" "$results" "$([ "${waiting:-0}" = 0 ] || echo " and $waiting on disk")" \
    "$([ "$copies" = 0 ] || echo ", $copies copies")"
}

# The frames' numbers of a line: each once, those judged in order. (What the driver marks as torn is told at once, while the
# frame before it may still be in judgement.)
expect_frame_numbers() {
  messages "$1/result" | jq -se '(map(.quality.frame_sequence) | (unique | length) == length)
    and (map(select(.score != null).quality.frame_sequence) | . == sort)' >/dev/null || fail "frame numbers of $1 go back or come twice"
}

clean_up() {
  systemctl stop assayd 2>/dev/null
  systemctl reset-failed assayd 2>/dev/null
  pkill -x mosquitto_sub
  pkill -f tools/usb_camera.py
  modprobe -r vivid 2>/dev/null
  systemctl start mosquitto
  while mountpoint -q /var/lib/assayd; do umount /var/lib/assayd; done
  rm -rf /run/systemd/system/assayd.service.d
  systemctl daemon-reload
}

# --- cameras

# vivid [PARAMETER=VALUE...]: the kernel's virtual camera, a webcam unless told otherwise, as /dev/video0.
vivid() { vivids 1 "$@"; }
# vivids COUNT [PARAMETER=VALUE...]: /dev/video0 and so on
vivids() {
  local each
  each=$(printf '%*s' "$1" '' | sed 's/ /,VALUE/g; s/^,//')
  modprobe -r vivid 2>/dev/null
  modprobe vivid n_devs="$1" node_types="${each//VALUE/0x1}" num_inputs="${each//VALUE/1}" input_types="${each//VALUE/0}" "${@:2}" ||
    fail "modprobe vivid"
  udevadm settle
}

# usb_camera SERIAL [OPTION...]: plugs in a USB camera and waits for its node. Its links in /dev/v4l/by-id carry the serial number.
usb_camera() {
  local serial=$1
  shift
  modprobe -a vhci-hcd uvcvideo || fail "modprobe vhci-hcd uvcvideo"
  rm -f "$WORK/usb.$serial" "$WORK/usb.$serial.json"
  mkfifo "$WORK/usb.$serial"
  python3 /vm/tools/usb_camera.py --serial "$serial" --pictures /vm/parts/good --control "$WORK/usb.$serial" \
    --state "$WORK/usb.$serial.json" "$@" 2>"$WORK/usb.$serial.log" &
  wait_for 60 "the USB camera $serial: $(cat "$WORK/usb.$serial.log")" test -e "$(by_id "$serial")"
}
by_id() { echo "/dev/v4l/by-id/usb-Example_Inspection_Camera_$1-video-index0"; }
usb() { timeout 10 bash -c 'echo "${*:2}" >"$0/usb.$1"' "$WORK" "$@" || fail "the USB camera $1 is dead: $(cat "$WORK/usb.$1.log")"; }
# What the camera knows of itself: usb_state SERIAL FILTER
usb_state() { jq -r "$2" "$WORK/usb.$1.json"; }
