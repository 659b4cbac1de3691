#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/golden/operand.hpp"

namespace sublet::golden {

/// One line of the lists of forms, which stands for many: `{a,b}` is either, and each way to choose is one form.
struct Row {
  /// As PTX writes it, "add.{u32,s32}". What follows a space is no part of the opcode but tells forms of one opcode apart, and is $V below.
  std::string_view opcodes;
  /// "results = sources": types, T for the opcode's last type, U for its first, W for T at twice its width.
  std::string_view operands;
  Bound bound = {};
  /// What a thread does when that is more than `OP %d, %a, %b, %c, %f;` with the sources that there are. The second result is %e; %x and %y
  /// are free registers of type U, $T and $U are types, $B is that of T's bits; %own is the address of 16 bytes of shared memory and
  /// [%global] that of 8 B of global memory.
  std::string_view body = {};
};

/// An instruction form: one opcode with its modifiers and types, and the operands to run it on.
struct Form {
  std::string name;
  std::string opcode;
  std::vector<Operand> results;
  std::vector<Operand> sources;
  Bound bound;
  std::string body;

  [[nodiscard]] std::size_t lanes() const { return lanes_of(sources.size()); }
  /// A module whose kernel `k` takes where each result goes, 8 B of global memory a thread, and where each source comes from. Thread i does
  /// lane i.
  [[nodiscard]] std::string ptx() const;
};

/// Forms whose results stand in one file.
struct Family {
  std::string_view name;
  std::span<const Row> rows;
};

/// Every family: the one list that is recorded and compared.
std::vector<Family> families();
std::vector<Form> forms_of(const Family& family);

std::span<const Row> integer_rows();
std::span<const Row> bit_rows();
std::span<const Row> float_rows();
std::span<const Row> half_rows();
std::span<const Row> convert_rows();
std::span<const Row> compare_rows();
std::span<const Row> thread_rows();

}  // namespace sublet::golden
