#include "gpu-worker/devices/cpu/ptx/ir.hpp"

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

void Module::refuse(Unsupported entry) {
  ++unsupported_total;
  if (unsupported.size() < kMaxUnsupportedListed) {
    unsupported.push_back(std::move(entry));
  }
}

}  // namespace sublet::cpu
