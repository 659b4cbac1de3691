#include "common/io/clock.hpp"

#include <fstream>
#include <string>

namespace sublet::io {

std::uint64_t clock_name() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  if (!(file >> id)) return 0;
  // FNV-1a, so that it is the same in every process.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char letter : id) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  return hash;
}

}  // namespace sublet::io
