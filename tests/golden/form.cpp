#include "tests/golden/form.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>

namespace sublet::golden {
namespace {

/// "a.{b,c}.{d,e}" -> a.b.d, a.b.e, a.c.d, a.c.e.
std::vector<std::string> expanded(std::string_view pattern) {
  const std::size_t open = pattern.find('{');
  if (open == std::string_view::npos) return {std::string(pattern)};
  const std::size_t close = pattern.find('}', open);
  const std::vector<std::string> tails = expanded(pattern.substr(close + 1));
  std::vector<std::string> made;
  for (std::size_t at = open + 1; at <= close;) {
    const std::size_t end = std::min(pattern.find(',', at), close);
    for (const std::string& tail : tails)
      made.push_back(fmt::format("{}{}{}", pattern.substr(0, open), pattern.substr(at, end - at), tail));
    at = end + 1;
  }
  return made;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

bool is_type(std::string_view word) {
  constexpr auto kTypes = std::to_array<std::string_view>(
      {"pred", "u8", "s8", "b16", "u16", "s16", "f16", "bf16", "b32", "u32", "s32", "f32", "f16x2", "bf16x2", "b64", "u64", "s64", "f64"});
  return std::ranges::find(kTypes, word) != kTypes.end();
}

std::vector<std::string> types_of(std::string_view opcode) {
  std::vector<std::string> made;
  for (std::size_t at = opcode.find('.'); at != std::string_view::npos;) {
    const std::size_t end = opcode.find('.', at + 1);
    const std::string_view word = opcode.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
    if (is_type(word)) made.emplace_back(word);
    at = end;
  }
  return made;
}

std::string wide(const std::string& type) { return type.substr(0, 1) + (type.substr(1) == "16" ? "32" : "64"); }

std::vector<Operand> operands_of(std::string_view words, const std::vector<std::string>& types) {
  std::vector<Operand> made;
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    const std::string_view word = words.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (word == "T" || word == "W") {
      made.push_back(operand_of(word == "T" ? types.back() : wide(types.back())));
    } else {
      made.push_back(operand_of(word == "U" ? std::string_view(types.front()) : word));
    }
  }
  return made;
}

constexpr std::array<std::string_view, 2> kResults = {"d", "e"};
constexpr std::array<std::string_view, 4> kSources = {"a", "b", "c", "f"};

std::string plain_body(std::size_t results, std::size_t sources) {
  std::string made = results == 2 ? "OP %d|%e" : "OP %d";
  for (std::size_t i = 0; i < sources; ++i) made += fmt::format(", %{}", kSources[i]);
  return made + ";";
}

Form form_of(const Row& row, const std::string& name) {
  const std::size_t space = std::min(name.find(' '), name.size());
  Form form{.name = name, .opcode = name.substr(0, space), .bound = row.bound};
  const auto types = types_of(form.opcode);
  const std::size_t equals = row.operands.find('=');
  form.results = operands_of(row.operands.substr(0, equals), types);
  form.sources = operands_of(row.operands.substr(equals + 1), types);
  form.body = row.body.empty() ? plain_body(form.results.size(), form.sources.size()) : std::string(row.body);
  replace_all(form.body, "OP", form.opcode);
  replace_all(form.body, "$V", space < name.size() ? std::string_view(name).substr(space + 1) : "");
  if (!types.empty()) {
    replace_all(form.body, "$T", types.back());
    replace_all(form.body, "$U", types.front());
    replace_all(form.body, "$B", operand_of(types.back()).register_type());
    form.body.insert(0, fmt::format(".reg .{} %x, %y;\n", operand_of(types.front()).register_type()));
  }
  return form;
}

/// Leaves the address of thread %i's element in %at.
std::string element(std::string_view parameter, unsigned bytes) {
  return fmt::format("ld.param.u64 %at, [{}];\nmul.wide.u32 %by, %i, {};\nadd.s64 %at, %at, %by;\n", parameter, bytes);
}

std::string load(const Operand& operand, std::string_view name) {
  std::string made = element(fmt::format("in_{}", name), operand.bytes);
  if (operand.is_predicate()) {
    return made + fmt::format(".reg .pred %{0};\nld.global.u8 %t, [%at];\nsetp.ne.u32 %{0}, %t, 0;\n", name);
  }
  return made + fmt::format(".reg .{0} %{1};\nld.global.{0} %{1}, [%at];\n", operand.register_type(), name);
}

std::string store(const Operand& operand, std::string_view name) {
  std::string made = element(fmt::format("out_{}", name), operand.bytes);
  if (operand.is_predicate()) return made + fmt::format("selp.u32 %t, 1, 0, %{};\nst.global.u8 [%at], %t;\n", name);
  return made + fmt::format("st.global.{} [%at], %{};\n", operand.register_type(), name);
}

}  // namespace

std::string Form::ptx() const {
  std::string parameters = ".param .u64 memory";
  std::string text = ".reg .b64 %at, %by, %global;\n.reg .b32 %i, %t, %own;\nmov.u32 %i, %tid.x;\n";
  for (std::size_t i = 0; i < results.size(); ++i) {
    parameters += fmt::format(", .param .u64 out_{}", kResults[i]);
    text += fmt::format(".reg .{} %{};\n", results[i].register_type(), kResults[i]);
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    parameters += fmt::format(", .param .u64 in_{}", kSources[i]);
    text += load(sources[i], kSources[i]);
  }
  text += element("memory", 8) + "mov.b64 %global, %at;\n";
  if (body.contains("%own")) {
    text.insert(0, fmt::format(".shared .align 16 .b8 area[{}];\n", 16 * lanes()));
    text += "mov.u32 %own, area;\nmad.lo.u32 %own, %i, 16, %own;\n";
  }
  text += body + "\n";
  for (std::size_t i = 0; i < results.size(); ++i) text += store(results[i], kResults[i]);
  return fmt::format(".version 8.0\n.target sm_90\n.address_size 64\n.visible .entry k({})\n{{\n{}ret;\n}}\n", parameters, text);
}

std::vector<Family> families() {
  return {{"integer", integer_rows()}, {"bits", bit_rows()},        {"float", float_rows()},  {"half", half_rows()},
          {"convert", convert_rows()}, {"compare", compare_rows()}, {"thread", thread_rows()}};
}

std::vector<Form> forms_of(const Family& family) {
  std::vector<Form> made;
  for (const Row& row : family.rows) {
    for (const std::string& name : expanded(row.opcodes)) made.push_back(form_of(row, name));
  }
  return made;
}

}  // namespace sublet::golden
