#!/usr/bin/env bash
# A browser and the page's dependencies, for the tests of the demo: source this file.
#
# Without them (and no right to install them, or no network) the tests that need them are skipped.

install_browser() {
  local packages=()
  command -v chromium >/dev/null || packages+=(chromium)
  command -v npm >/dev/null || packages+=(nodejs npm)
  if [ ${#packages[@]} -gt 0 ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq &&
      apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null || true
  fi
  command -v chromium >/dev/null || echo "no Chromium; tests of the page are skipped" >&2
  if ! command -v npm >/dev/null; then
    echo "no npm; tests of the page's modules are skipped" >&2
    return 0
  fi
  # What is there already need not be fetched again.
  (cd s4audio/demo/page && { npm ls --silent >/dev/null 2>&1 ||
    timeout 120 npm ci --silent --no-audit --no-fund --fetch-retries=1; }) ||
    echo "npm cannot fetch onnxruntime-web; tests of the page are skipped" >&2
}

install_browser
