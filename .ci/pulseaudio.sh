#!/usr/bin/env bash
# A sound card made of software, for the tests of the microphone: source this file.
#
# Starts PulseAudio with a null sink; what is played to it can be recorded from its monitor, which
# becomes the default input. Without PulseAudio (and no right to install it) those tests are skipped.
# The caller's trap has to run stop_pulseaudio.

start_pulseaudio() {
  local packages=(libportaudio2 pulseaudio pulseaudio-utils libasound2-plugins)
  if ! dpkg --status "${packages[@]}" >/dev/null 2>&1 &&
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq &&
      apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null || true
  fi
  if ! command -v pulseaudio >/dev/null; then
    echo "no PulseAudio; tests of the microphone are skipped" >&2
    return 0
  fi

  # A server of its own: its socket, state and configuration stay inside this folder.
  PULSE_RUNTIME_PATH=$(mktemp -d)
  export PULSE_RUNTIME_PATH
  export PULSE_STATE_PATH=$PULSE_RUNTIME_PATH PULSE_SERVER=unix:$PULSE_RUNTIME_PATH/native
  cat >"$PULSE_RUNTIME_PATH/default.pa" <<'END'
load-module module-native-protocol-unix auth-anonymous=1
load-module module-null-sink sink_name=s4audio rate=48000
set-default-sink s4audio
set-default-source s4audio.monitor
END
  # It warns when run by root, which a container's only user is.
  pulseaudio --daemonize=no -n --file="$PULSE_RUNTIME_PATH/default.pa" --exit-idle-time=-1 \
    --disable-shm --log-target="file:$PULSE_RUNTIME_PATH/log" 2>/dev/null &
  PULSEAUDIO_PID=$!
  for _ in $(seq 50); do
    pactl info >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  echo "PulseAudio did not start; tests of the microphone are skipped" >&2
  cat "$PULSE_RUNTIME_PATH/log" >&2 || true
}

stop_pulseaudio() {
  [ -z "${PULSEAUDIO_PID:-}" ] || kill "$PULSEAUDIO_PID" 2>/dev/null || true
  [ -z "${PULSE_RUNTIME_PATH:-}" ] || rm -rf "$PULSE_RUNTIME_PATH"
}

start_pulseaudio
