#!/bin/sh
# Installs the library into a prefix of its own, builds examples/cpp against it as a stranger would, and runs it without a broker.
# Usage: install_test.sh BUILD_FOLDER SOURCE_FOLDER CXX_COMPILER [SANITIZERS]
set -eu
build=$1
source=$2
compiler=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cmake --install "$build" --component library --prefix "$folder/prefix" >"$folder/install.log" || { cat "$folder/install.log"; exit 1; }
mkdir -p "$folder/prefix/share/sublet"
cp -r "$source/kernels" "$folder/prefix/share/sublet/kernels"
# Only what was installed may be used, so the example is copied away from the tree first.
cp -r "$source/examples/cpp" "$folder/example"
cmake -G Ninja -S "$folder/example" -B "$folder/build" -DCMAKE_PREFIX_PATH="$folder/prefix" -DCMAKE_CXX_COMPILER="$compiler" \
  >"$folder/configure.log" 2>&1 || { cat "$folder/configure.log"; exit 1; }
cmake --build "$folder/build" >"$folder/build.log" 2>&1 || { cat "$folder/build.log"; exit 1; }

code=0
message=$("$folder/build/scale_bias" "ipc://$folder/no-broker" 2>&1) || code=$?
if [ "$code" != 3 ]; then
  echo "without a broker the example ended with $code, not 3: $message"
  exit 1
fi
case $message in
  *"$folder/no-broker"*) ;;
  *) echo "the message does not name the endpoint: $message"; exit 1 ;;
esac
