#include "gpu-worker/devices/cpu/ptx/ir.hpp"

#include <algorithm>
#include <utility>

namespace sublet::cpu {

Type type_of(SpecialRegister special) {
  switch (special) {
    case SpecialRegister::clock64:
    case SpecialRegister::globaltimer:
    case SpecialRegister::gridid:
      return Type::u64;
    default:
      return Type::u32;
  }
}

bool Signature::operator==(const Signature& other) const {
  const auto same = [](const Local& a, const Local& b) { return a.offset == b.offset && a.size == b.size; };
  return std::ranges::equal(results, other.results, same) && std::ranges::equal(arguments, other.arguments, same);
}

void Module::refuse(Unsupported entry) {
  ++unsupported_total;
  if (unsupported.size() < kMaxUnsupportedListed) {
    unsupported.push_back(std::move(entry));
  }
}

}  // namespace sublet::cpu
