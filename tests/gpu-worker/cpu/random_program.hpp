#pragma once

// Small PTX kernels by a grammar: arithmetic of several types, branches, loops, shared memory, exchanges within warps. What a program gives
// does not depend on how its threads are run, so it can be written in several forms, and all must give the same bytes.

#include <array>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include <rapidcheck.h>

namespace sublet::cpu::random_program {

struct Statement {
  enum class Kind : std::uint8_t {
    arithmetic,
    branch,         ///< the threads whose predicate is set do `body`, the others `otherwise`
    loop,           ///< each thread as often as a register says
    even_branch,    ///< all threads or none
    lane_branch,    ///< the lanes of each warp that have one bit of their number set
    even_loop,      ///< twice
    exchange,       ///< with the lanes of the warp that are here
    block_exchange  ///< with all threads of the block
  };
  Kind kind = Kind::arithmetic;
  /// What to do and with which registers; taken modulo what there is.
  std::array<std::uint8_t, 6> picks = {};
  std::vector<Statement> body;
  std::vector<Statement> otherwise;
};

using Program = std::vector<Statement>;

/// A program that shrinks to fewer and simpler statements.
/// @param exchanges  whether threads talk to one another
rc::Gen<Program> programs(bool exchanges);

/// Threads of a block, and bytes that each thread reads and writes.
inline constexpr std::uint32_t kThreads = 64;
inline constexpr std::uint32_t kInputBytes = 128;
inline constexpr std::uint32_t kOutputBytes = 160;

/// Ways to write and run one and the same program.
struct Form {
  /// Branches without branches inside become guarded instructions.
  bool guarded = false;
  /// Half of the threads, here and there, run a copy of the program of their own.
  bool split = false;
  /// Each thread is a block by itself, and so never parts from another.
  bool alone = false;
};

/// k(u64 in, u64 out, u32 even): `kThreads` threads a block, or as many blocks when `alone`.
std::string to_ptx(const Program& program, const Form& form);

std::ostream& operator<<(std::ostream& stream, const Statement& statement);

}  // namespace sublet::cpu::random_program
