// Every form of an instruction that the cpu device takes is one that ptxas takes. Where there is no ptxas this is skipped.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "gpu-worker/devices/cpu/module_report.hpp"
#include "tests/support/folder.hpp"

namespace sublet::cpu {
namespace {

constexpr auto kTypeNames = std::to_array<std::string_view>({"u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64", "b8", "b16", "b32",
                                                             "b64", "f16", "f16x2", "bf16", "bf16x2", "f32", "f64", "pred"});

/// Many forms: `{a,b}` stands for either, `@` for every type. Most of them are taken by nobody.
struct FormRow {
  std::string_view pattern;
  /// T: the last type named, U: the first, W: twice as wide as T; bits of a register; p a predicate; anything else as it stands.
  std::string_view operands;
};

constexpr std::string_view kCompares = "{eq,ne,lt,le,gt,ge,lo,ls,hi,hs,equ,neu,ltu,leu,gtu,geu,num,nan}";

constexpr auto kFormRows = std::to_array<FormRow>({
    {"{abs,neg}{,.ftz}.@", "T, T"},
    {"{add,sub,mul}{,.rn,.rz,.rm,.rp}{,.ftz}{,.sat}.@", "T, T, T"},
    {"{add,sub}{,.rn,.rz,.rm,.rp}{,.ftz}{,.sat}.cc.@", "T, T, T"},
    {"{addc,subc}{,.cc}.@", "T, T, T"},
    {"mul.{lo,hi}{,.rn,.ftz,.sat}.@", "T, T, T"},
    {"mul.wide{,.sat}.{u16,s16,u32,s32,b16,b32,f16,f32,bf16}", "W, T, T"},
    {"{mul24}{,.lo,.hi,.wide}.@", "T, T, T"},
    {"{mad24}{,.lo,.hi,.wide}{,.sat}.@", "T, T, T, T"},
    {"fma{,.rn,.rz,.rm,.rp}{,.ftz}{,.sat}{,.relu}.@", "T, T, T, T"},
    {"mad{,.rn,.rz,.rm,.rp}{,.ftz}{,.sat}.@", "T, T, T, T"},
    {"{mad,madc}.{lo,hi}{,.sat}{,.cc}.@", "T, T, T, T"},
    {"{mad,madc}.wide{,.sat}{,.cc}.{u16,s16,u32,s32,b16,b32,f16,f32}", "W, T, T, W"},
    {"{and,or,xor,rem,copysign}.@", "T, T, T"},
    {"{not,cnot,brev}.@", "T, T"},
    {"div{,.rn,.rz,.rm,.rp}{,.approx,.full}{,.ftz}.@", "T, T, T"},
    {"{rcp,sqrt}{,.rn,.rz,.rm,.rp}{,.approx,.full}{,.ftz}.@", "T, T"},
    {"{rsqrt,sin,cos,lg2,ex2,tanh}{,.approx,.full}{,.ftz}.@", "T, T"},
    {"{min,max}{,.ftz}{,.NaN}{,.relu}.@", "T, T, T"},
    {"sad.@", "T, T, T, T"},
    {"bfe.@", "T, T, 32, 32"},
    {"bfi.@", "T, T, T, 32, 32"},
    {"bfind{,.shiftamt}.@", "32, T"},
    {"{popc,clz}.@", "32, T"},
    {"bmsk{,.clamp,.wrap}.@", "T, 32, 32"},
    {"szext{,.clamp,.wrap}.@", "T, T, 32"},
    {"{dp4a,dp2a,dp2a.lo,dp2a.hi,dp2a.wide}.@.@", "32, 32, 32, 32"},
    {"lop3.@", "T, T, T, T, 0x80"},
    {"prmt.@{,.f4e,.b4e,.rc8,.ecl,.ecr,.rc16}", "T, T, T, 32"},
    {"{shl,shr}.@", "T, T, 32"},
    {"shf{,.l,.r}{,.clamp,.wrap}.@", "T, T, T, 32"},
    {"selp.@", "T, T, T, p"},
    {"slct{,.ftz}.@.@", "U, U, U, T"},
    {"mov.@", "T, T"},
    {"setp.#{,.ftz}.@", "p, T, T"},
    {"setp.#.{and,or,xor}{,.ftz}.@", "p, T, T, p"},
    {"setp.#{,.and}{,.ftz}.@", "p|p, T, T, p"},
    {"setp.#{,.ftz}.@", "p|p, T, T"},
    {"set.#{,.ftz}.{u32,s32,f32,b32,f16,bf16,f16x2,bf16x2,u64,u16}.@", "U, T, T"},
    {"set.{eq,lo,geu}.{and,or,xor}{,.ftz}.{u32,s32,f32,f16,bf16,f16x2}.@", "U, T, T, p"},
    {"testp.{finite,infinite,number,notanumber,normal,subnormal}.@", "p, T"},
    {"cvt{,.rn,.rz,.rm,.rp,.rni,.rzi,.rmi,.rpi}{,.relu}{,.ftz}{,.sat}.@.@", "U, T"},
    {"cvt{,.rn,.rz,.rm,.rp,.rni}{,.relu}{,.ftz}{,.sat}.{f16x2,bf16x2}.@", "U, T, T"},
    {"shfl.sync.{up,down,bfly,idx,all}.@", "T|p, T, 32, 32, 32"},
    {"vote.sync.{all,any,uni,up}.{pred,b32,u32}", "p, p, 32"},
    {"vote.sync.ballot.@", "32, p, 32"},
    {"match.any.sync.@", "32, T, 32"},
    {"match.all.sync.@", "32|p, T, 32"},
    {"redux.sync.{add,min,max,inc,dec,and,or,xor,exch,cas,popc}.@", "T, T, 32"},
    {"activemask.@", "T"},
    {"elect.sync", "32|p, 32"},
    {"{bar,barrier,bar.cta,barrier.cta}.sync{,.aligned}", "0"},
    {"{bar,barrier,bar.cta,barrier.cta}.{sync,arrive}{,.aligned}", "0, 64N"},
    {"{bar,barrier,bar.cta,barrier.cta}.red.{popc,and,or,xor,add}{,.aligned}.@", "32, 0, p"},
    {"{bar,barrier,bar.cta,barrier.cta}.red.{popc,and,or,xor,add}{,.aligned}.@", "p, 0, p"},
    {"{bar.warp.sync,barrier.warp.sync}", "32"},
    {"membar.{cta,gl,gpu,sys}", ""},
    {"fence{,.sc,.acq_rel,.acquire,.release}.{cta,gpu,sys,gl}", ""},
    {"nanosleep.@", "32"},
    // How memory is accessed is for cards to know; the device takes more of it than ptxas.
    {"ldu{,.global}.@", "T, [A]"},
    {"ldu{,.global}.v2.@", "V, [A]"},
    {"ld{,.volatile}{,.global,.shared,.shared::cta}.@", "T, [A]"},
    {"ld.{local,const,weak,global.ca,global.nc,relaxed.gpu,acquire.sys}.@", "T, [A]"},
    {"ld{,.global,.shared,.const}.v2.@", "V, [A]"},
    {"ld{,.global,.shared,.const}.v4.{b8,u16,s32,f32,b32,f16,pred}", "V, [A]"},
    {"st{,.volatile}{,.global,.shared,.shared::cta}.@", "[A], T"},
    {"st.{local,weak,global.wt,relaxed.gpu,release.sys}.@", "[A], T"},
    {"st{,.global,.shared,.local}.v2.@", "[A], V"},
    {"st{,.global,.shared,.local}.v4.{b8,u16,s32,f32,b32,f16,pred}", "[A], V"},
    {"atom{,.relaxed,.acquire,.release,.acq_rel}{,.gpu}{,.global,.shared,.shared::cta}.{add,min,max,inc,dec,and,or,xor,exch,popc}.@",
     "T, [A], T"},
    {"atom{,.global,.shared}.{add,min,max,exch,inc,and}.noftz.@", "T, [A], T"},
    {"atom{,.relaxed,.acq_rel}{,.cta,.gpu,.sys}{,.global,.shared}.cas.@", "T, [A], T, T"},
    {"red{,.relaxed,.release}{,.gpu}{,.global,.shared}.{add,min,max,inc,dec,and,or,xor,exch,popc}.@", "[A], T"},
    {"red{,.global,.shared}.{add,min,max,inc,and}.noftz.@", "[A], T"},
    {"cvta{,.to}{,.global,.shared,.shared::cta,.local,.const,.param}.@", "64, 64"},
    {"isspacep{,.global,.shared,.shared::cta,.local,.const,.param}", "p, 64"},
});

std::vector<std::string> expanded(std::string_view pattern) {
  const std::size_t open = pattern.find_first_of("{@#");
  if (open == std::string_view::npos) return {std::string(pattern)};
  std::vector<std::string> choices;
  std::size_t end = open + 1;
  if (pattern[open] == '@') choices.assign(kTypeNames.begin(), kTypeNames.end());
  if (pattern[open] == '#') choices = expanded(kCompares);
  if (pattern[open] == '{') {
    const std::size_t close = pattern.find('}', open);
    for (std::size_t at = open + 1; at <= close;) {
      end = std::min(pattern.find(',', at), close);
      choices.emplace_back(pattern.substr(at, end - at));
      at = end + 1;
    }
    end = close + 1;
  }
  std::vector<std::string> made;
  for (const std::string& tail : expanded(pattern.substr(end))) {
    for (const std::string& choice : choices) made.push_back(fmt::format("{}{}{}", pattern.substr(0, open), choice, tail));
  }
  return made;
}

unsigned bits_of(std::string_view type) {
  if (type == "pred") return 1;
  if (type.ends_with("x2")) return 32;
  return std::max(16, std::atoi(std::string(type.substr(type.find_first_of("0123456789"))).c_str()));
}

std::vector<std::string_view> types_named(std::string_view opcode) {
  std::vector<std::string_view> types;
  for (std::size_t at = opcode.find('.'); at != std::string_view::npos;) {
    const std::size_t end = std::min(opcode.find('.', at + 1), opcode.size());
    const auto word = opcode.substr(at + 1, end - at - 1);
    if (std::ranges::find(kTypeNames, word) != kTypeNames.end()) types.push_back(word);
    at = end == opcode.size() ? std::string_view::npos : end;
  }
  return types;
}

std::string in_register(unsigned bits, std::size_t number) { return fmt::format("%r{}_{}", bits, number); }

/// "cvt.s32.u8", "U, T" -> "cvt.s32.u8 %r32_1, %r16_2;"
std::string statement_of(const std::string& opcode, std::string_view operands) {
  const auto types = types_named(opcode);
  const unsigned last = types.empty() ? 32 : bits_of(types.back());
  const unsigned first = types.empty() ? 32 : bits_of(types.front());
  std::string text = opcode + " ";
  std::size_t number = 0;
  for (std::size_t at = 0; at < operands.size();) {
    const std::size_t end = std::min(operands.find_first_of(",| []", at), operands.size());
    const auto word = operands.substr(at, end - at);
    ++number;
    if (word == "T") {
      text += in_register(last, number);
    } else if (word == "U") {
      text += in_register(first, number);
    } else if (word == "W") {
      text += in_register(2 * last, number);
    } else if (word == "V") {
      text += fmt::format("{{{}, {}", in_register(last, 6), in_register(last, 7));
      text += opcode.contains(".v4") ? fmt::format(", {}, {}}}", in_register(last, 8), in_register(last, 9)) : "}";
    } else if (word == "p") {
      text += in_register(1, number);
    } else if (word == "A") {
      text += in_register(64, 5);
    } else if (word == "32" || word == "64") {
      text += in_register(word == "32" ? 32 : 64, number);
    } else {
      text += word.ends_with('N') ? word.substr(0, word.size() - 1) : word;
    }
    if (end < operands.size()) text += operands[end];
    at = end + 1;
  }
  return text + ";";
}

constexpr std::string_view kHeader = ".version 8.6\n.target sm_90\n.address_size 64\n";

std::string kernel_of(std::size_t number, std::string_view statement) {
  std::string text = fmt::format(".visible .entry k{}() {{\n", number);
  for (const unsigned bits : {1U, 16U, 32U, 64U}) {
    text += fmt::format(" .reg .{}{} %r{}_<10>;", bits == 1 ? "pred" : "b", bits == 1 ? "" : std::to_string(bits), bits);
  }
  return fmt::format("{}\n {}\n ret;\n}}\n", text, statement);
}

/// How many lines of a kernel stand before its statement, and how many it has.
constexpr std::size_t kLinesBefore = 2;
constexpr std::size_t kLinesOfKernel = 5;
constexpr std::size_t kLinesOfHeader = 3;

bool is_taken(std::string_view statement) {
  const auto report = report_on(as_view(std::string(kHeader) + kernel_of(0, statement)));
  return report && report->refused_total == 0;
}

std::vector<std::string> taken_statements() {
  std::vector<std::string> taken;
  for (const FormRow& row : kFormRows) {
    for (const std::string& opcode : expanded(row.pattern)) {
      const auto statement = statement_of(opcode, row.operands);
      if (is_taken(statement)) taken.push_back(statement);
    }
  }
  std::ranges::sort(taken);
  taken.erase(std::unique(taken.begin(), taken.end()), taken.end());
  return taken;
}

/// What ptxas says of those that it does not take.
std::map<std::string, std::string> refused_by(const std::string& ptxas, const std::vector<std::string>& statements) {
  const test::Folder folder;
  const auto file = (folder.path() / "forms.ptx").string();
  std::ofstream stream(file);
  stream << kHeader;
  for (std::size_t i = 0; i < statements.size(); ++i) stream << kernel_of(i, statements[i]);
  stream.close();
  std::map<std::string, std::string> refused;
  const auto command = fmt::format("{} -arch=sm_90 -o {}.cubin {} 2>&1", ptxas, file, file);
  FILE* const answer = ::popen(command.c_str(), "r");
  std::array<char, 4096> line{};
  while (std::fgets(line.data(), line.size(), answer) != nullptr) {
    const std::string text = line.data();
    const auto at = text.find(", line ");
    const std::size_t number = at == std::string::npos ? 0 : std::strtoul(text.c_str() + at + 7, nullptr, 10);
    const std::size_t which = (number - kLinesOfHeader - kLinesBefore - 1) / kLinesOfKernel;
    const bool known = text.contains("error") && number > kLinesOfHeader && which < statements.size();
    if (known) refused.emplace(statements[which], text.substr(text.find("error")));
  }
  const int ended = ::pclose(answer);
  if (ended != 0 && refused.empty()) refused.emplace("(all)", fmt::format("ptxas ended with {}", ended));
  return refused;
}

TEST(Ptxas, TakesEveryFormThatTheCpuDeviceTakes) {
  const std::string ptxas = "/usr/local/cuda/bin/ptxas";
  if (::access(ptxas.c_str(), X_OK) != 0) GTEST_SKIP() << "there is no " << ptxas;
  const auto taken = taken_statements();
  EXPECT_GT(taken.size(), 2000U);
  std::string all;
  const auto refused = refused_by(ptxas, taken);
  for (const auto& [statement, words] : refused) all += fmt::format("{} {}", statement, words);
  EXPECT_TRUE(refused.empty()) << refused.size() << " of " << taken.size() << "\n" << all;
}

}  // namespace
}  // namespace sublet::cpu
