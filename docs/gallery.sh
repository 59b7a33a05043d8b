#!/bin/sh
# Makes the README's pictures: runs what they show and draws one chart of each page with a headless Chromium.
#
#   docs/gallery.sh TEXT...      texts for the simulation; the README's are WikiText-2's valid.txt and test.txt
#
# Needs chromium (or CHROMIUM=/path/to/it). Results lie in sluice-gallery/ (or GALLERY=directory); what lies there is not run again.
# The picture of channels is of logits: LOGITS=directory of node0.npy, node1.npy, ..., base.npy and next-token.npy; without them it stays.
set -eu

[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(CDPATH='' cd -P "$(dirname "$0")" && pwd)
work=${GALLERY:-sluice-gallery}
chromium=$(command -v "${CHROMIUM:-chromium}") || { echo "gallery.sh: no chromium on the PATH; CHROMIUM names one" >&2; exit 1; }
mkdir -p "$work" "$here/gallery"
work=$(CDPATH='' cd -P "$work" && pwd)

[ -f "$work/papers/e1.json" ] || "$here/../sluice" reproduce e1 e2 --out "$work/papers"
if [ ! -f "$work/text/simulation.json" ]; then
  for text; do
    set -- "$@" --text "$text"
    shift
  done
  "$here/../sluice" simulate "$@" --nodes 4 --out "$work/text"
fi
if [ -n "${LOGITS:-}" ] && [ ! -f "$work/channels/comparison.json" ]; then
  "$here/../sluice" compare --logits "$LOGITS"/node[0-9]*.npy --reference "$LOGITS/base.npy" --next-token "$LOGITS/next-token.npy" \
    --budgets 64,128,256,512,1024,2048,4096,8192,12288,16384,24576,32768,49152,65536 --report "$work/channels"
fi
if [ ! -f "$work/codes/vectors.json" ]; then
  "$here/../sluice" compare --vectors gaussian --report "$work/codes"
fi

# picture NAME DIRECTORY CHART HEIGHT: docs/gallery/NAME.png is one chart of its page, twice as fine as the screen.
picture() {
  profile=$(mktemp -d)
  "$chromium" --headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --hide-scrollbars --virtual-time-budget=5000 --force-device-scale-factor=2 \
    --user-data-dir="$profile" --window-size=960,"$4" --screenshot="$here/gallery/$1.png" "file://$2/report/index.html?only=$3" 2>/dev/null
  rm -rf "$profile"
  [ -s "$here/gallery/$1.png" ] || { echo "gallery.sh: chromium wrote no $1.png" >&2; exit 1; }
  echo "docs/gallery/$1.png"
}
picture e1-bits "$work/papers" e1-n-bits 540
picture e2-calibration-bits "$work/papers" e2-B-cal 540
picture perplexity-bits "$work/text" perplexity-bits 500
[ ! -f "$work/channels/comparison.json" ] || picture channels-bits "$work/channels" kl-bits 500
picture codes-nodes "$work/codes" nodes-best 460
