// Where the rows of a run's accesses are, and that they lie apart. The rest of scalar_code.hpp.

#include "gpu-worker/devices/cpu/native/scalar_code.hpp"

namespace sublet::cpu::native {

namespace {

using asmjit::x86::Gp;
using asmjit::x86::ptr;

/// Where `bytes` from `address` on are; null when not all of them may be accessed, or when it is for the interpreter to look.
std::byte* host_of_row(const NativeCall* call, std::uint32_t index, std::uint64_t address, std::uint64_t bytes, std::uint32_t store) {
  return find_flat_place(*call->memory, call->accesses[index].space, address, bytes, store != 0, call->last_hits[index]).host;
}
/// The same of lanes whose addresses stand in the registers; null also when they are no row.
std::byte* host_of_lanes(const NativeCall* call, std::uint32_t index, std::uint32_t lanes, std::uint32_t store) {
  return find_row(call->accesses[index], call->registers, {.first = 0, .last = lanes}, *call->memory, store != 0, call->last_hits[index])
      .host;
}

}  // namespace

Gp ScalarCode::call_for_host(const Item& item, const Access& access, const Gp& address) {
  const Gp host = code_.newUIntPtr();
  const std::uint32_t index = context_.program.steps[item.step].access;
  const std::uint32_t store = item.kind == Item::Kind::store ? 1 : 0;
  asmjit::InvokeNode* node = nullptr;
  if (item.looked_at) {
    code_.invoke(&node, asmjit::Imm(&host_of_lanes),
                 asmjit::FuncSignatureT<void*, const void*, std::uint32_t, std::uint32_t, std::uint32_t>());
    node->setArg(2, asmjit::Imm(context_.shape.threads));
    node->setArg(3, asmjit::Imm(store));
  } else {
    code_.invoke(&node, asmjit::Imm(&host_of_row),
                 asmjit::FuncSignatureT<void*, const void*, std::uint32_t, std::uint64_t, std::uint64_t, std::uint32_t>());
    node->setArg(2, address);
    node->setArg(3, asmjit::Imm(std::uint64_t{width_of(access.type)} * context_.shape.threads));
    node->setArg(4, asmjit::Imm(store));
  }
  node->setArg(0, call_);
  node->setArg(1, asmjit::Imm(index));
  node->setRet(0, host);
  code_.test(host, host);
  code_.jz(give_up_);
  return host;
}

void ScalarCode::access(const Item& item) {
  const Access& access = context_.program.accesses[context_.program.steps[item.step].access];
  const bool store = item.kind == Item::Kind::store;
  const std::uint32_t bytes = width_of(access.type);
  if (!store) {
    shapes_[access.elements[0].unit] = {};
  }
  Row row{.host = {}, .bytes = bytes, .store = store, .space = access.space, .offset = access.offset};
  Gp address;
  if (!item.looked_at) {
    const Gp& base = first_lane(*access.address);
    row.address_id = base.id();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const Row& before = rows_[i];
      // A row of global memory may be read and written alike.
      if (before.address_id == row.address_id && before.offset == row.offset && before.bytes == bytes && before.space == Space::global &&
          access.space == Space::global) {
        row.host = before.host;
        break;
      }
    }
    if (!row.host.isValid()) {
      address = code_.newGpq();
      code_.mov(address, base);
      if (access.offset != 0) {
        const Gp offset = code_.newGpq();
        code_.mov(offset, access.offset);
        access.address->width == 8 ? code_.add(address, offset) : code_.add(address.r32(), offset.r32());
      }
      if (bytes > 1) {
        code_.test(address.r32(), bytes - 1);
        code_.jnz(give_up_);
      }
    }
  }
  if (!row.host.isValid()) {
    row.host = call_for_host(item, access, address);
  }
  row_of_step_[item.step] = rows_.size();
  rows_.push_back(row);
}

void ScalarCode::keep_apart(const Row& store, const Row& other) {
  if (store.host.id() == other.host.id()) {
    return;
  }
  const asmjit::Label apart = code_.newLabel();
  const Gp end = code_.newUIntPtr();
  const auto bytes_of = [&](const Row& row) { return static_cast<std::int32_t>(row.bytes * context_.shape.threads); };
  if (store.bytes == other.bytes) {
    // The same row: each lane meets only itself there.
    code_.cmp(store.host, other.host);
    code_.je(apart);
  }
  code_.lea(end, ptr(store.host, bytes_of(store)));
  code_.cmp(end, other.host);
  code_.jbe(apart);
  code_.lea(end, ptr(other.host, bytes_of(other)));
  code_.cmp(end, store.host);
  code_.ja(give_up_);
  code_.bind(apart);
}

void ScalarCode::emit_apart() {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    for (std::size_t k = i + 1; k < rows_.size(); ++k) {
      if (rows_[i].store || rows_[k].store) {
        keep_apart(rows_[i], rows_[k]);
      }
    }
  }
}

}  // namespace sublet::cpu::native
