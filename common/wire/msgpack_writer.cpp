#include "common/wire/msgpack_writer.hpp"

#include <bit>

#include <msgpack/pack.hpp>

namespace sublet::wire {
namespace {

/// What msgpack writes to: it asks for this one function.
struct Sink {
  std::vector<std::byte>& out;

  void write(const char* data, std::size_t size) {
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    out.insert(out.end(), bytes, bytes + size);
  }
};

template <class Write>
void pack(std::vector<std::byte>& out, Write&& write) {
  Sink sink{out};
  msgpack::packer<Sink> packer(sink);
  write(packer);
}

}  // namespace

void MsgpackWriter::map(std::size_t pairs) {
  pack(out_, [&](auto& packer) { packer.pack_map(static_cast<std::uint32_t>(pairs)); });
}

void MsgpackWriter::array(std::size_t elements) {
  pack(out_, [&](auto& packer) { packer.pack_array(static_cast<std::uint32_t>(elements)); });
}

void MsgpackWriter::integer(std::uint64_t value) {
  pack(out_, [&](auto& packer) { packer.pack_uint64(value); });
}

void MsgpackWriter::signed_integer(std::int64_t value) {
  pack(out_, [&](auto& packer) { packer.pack_int64(value); });
}

// Written here, because msgpack's pack_double turns a whole number into an integer: then the same field would come in two types.
void MsgpackWriter::real(double value) {
  constexpr auto kFloat64 = std::byte{0xcb};
  const auto bits = std::bit_cast<std::uint64_t>(value);
  out_.push_back(kFloat64);
  for (int shift = 56; shift >= 0; shift -= 8) out_.push_back(static_cast<std::byte>(bits >> static_cast<unsigned>(shift)));
}

void MsgpackWriter::boolean(bool value) {
  pack(out_, [&](auto& packer) { value ? packer.pack_true() : packer.pack_false(); });
}

void MsgpackWriter::text(std::string_view value) {
  pack(out_, [&](auto& packer) {
    packer.pack_str(static_cast<std::uint32_t>(value.size()));
    packer.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
  });
}

void MsgpackWriter::binary(ByteView value) {
  pack(out_, [&](auto& packer) {
    packer.pack_bin(static_cast<std::uint32_t>(value.size()));
    packer.pack_bin_body(reinterpret_cast<const char*>(value.data()), static_cast<std::uint32_t>(value.size()));
  });
}

}  // namespace sublet::wire
