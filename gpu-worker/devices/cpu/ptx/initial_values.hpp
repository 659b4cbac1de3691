#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/body_parser.hpp"
#include "gpu-worker/devices/cpu/ptx/declaration.hpp"
#include "gpu-worker/devices/cpu/ptx/ir.hpp"
#include "gpu-worker/devices/cpu/ptx/token_stream.hpp"

namespace sublet::cpu {

/// Reads what stands behind the "=" of a variable: numbers, and addresses of variables and functions that may be defined further on.
class InitialValues {
 public:
  explicit InitialValues(TokenStream& tokens) : tokens_(tokens) {}

  /// @param variable  its index in the module it will be added to
  void read(Variable& into, Declared& made, std::uint32_t variable);
  /// Finds the names that addresses were given by, at the end of the text.
  void resolve(Module& module, const ModuleNames& names);

 private:
  struct Named {
    std::uint32_t variable = 0;
    std::string_view name;
    InitialAddress address;
    std::uint32_t line = 0;
  };

  void value(Variable& into, Type type, std::uint32_t variable);
  void number(Variable& into, Type type, const Token& token, bool minus);
  void address(Variable& into, Type type, std::uint32_t variable, std::uint64_t mask);

  TokenStream& tokens_;
  std::vector<Named> named_;
};

}  // namespace sublet::cpu
