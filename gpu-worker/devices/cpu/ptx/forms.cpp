#include "gpu-worker/devices/cpu/ptx/forms.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sublet::cpu {

namespace {

/// An opcode and what may follow it: `{a,b}` is either, `%x` one of a list below, `*` anything.
struct FormPattern {
  std::string_view opcode;
  std::string_view rest;
};

constexpr std::array kFormLists = {
    std::pair{'b', std::string_view("{b16,b32,b64}")},
    std::pair{'c', std::string_view("{u32,s32,u64,s64}")},
    std::pair{'i', std::string_view("{u16,s16,u32,s32,u64,s64}")},
    std::pair{'n', std::string_view("{u8,s8,u16,s16,u32,s32,u64,s64}")},
    std::pair{'v', std::string_view("{b16,b32,b64,u16,s16,u32,s32,u64,s64,f32,f64}")},
    std::pair{'m', std::string_view("{b8,b16,b32,b64,u8,s8,u16,s16,u32,s32,u64,s64,f32,f64}")},
    std::pair{'r', std::string_view("{rn,rz,rm,rp}")},
    std::pair{'w', std::string_view("{rni,rzi,rmi,rpi}")},
    std::pair{'o', std::string_view("{eq,ne,lt,le,gt,ge}")},
    std::pair{'f', std::string_view("{eq,ne,lt,le,gt,ge,equ,neu,ltu,leu,gtu,geu,num,nan}")},
    std::pair{'k', std::string_view("{,.and,.or,.xor}")},
};

/// By opcode. PTX ISA 9.0, chapter 9.7, as ptxas 13.0 reads it.
constexpr auto kFormPatterns = std::to_array<FormPattern>({
    {"abs", "{,.ftz}.{f16,f16x2,f32}"},
    {"abs", ".{s16,s32,s64,f64,bf16,bf16x2}"},
    {"activemask", ".b32"},
    {"add", ".%i"},
    {"add", ".sat.s32"},
    {"add", ".cc.%c"},
    {"add", "{,.rn}{,.ftz}{,.sat}.{f16,f16x2,f32}"},
    {"add", ".{rz,rm,rp}{,.ftz}{,.sat}.f32"},
    {"add", ".f64"},
    {"add", ".%r.f64"},
    {"add", "{,.rn}.{bf16,bf16x2}"},
    {"addc", "{,.cc}.%c"},
    {"and", ".{pred,b16,b32,b64}"},
    {"atom", "*.add.{u32,s32,u64,f32,f64}"},
    {"atom", "*.add.noftz.{f16,f16x2,bf16,bf16x2}"},
    {"atom", "*.{min,max}.%c"},
    {"atom", "*.{inc,dec}.u32"},
    {"atom", "*.{and,or,xor,exch}.{b32,b64}"},
    {"atom", "*.cas.%b"},
    {"bar", "{,.cta}.{sync,arrive}"},
    {"bar", "{,.cta}.red.popc.u32"},
    {"bar", "{,.cta}.red.{and,or}.pred"},
    {"bar", ".warp.sync"},
    {"barrier", "{,.cta}.{sync,arrive}{,.aligned}"},
    {"barrier", "{,.cta}.red.popc{,.aligned}.u32"},
    {"barrier", "{,.cta}.red.{and,or}{,.aligned}.pred"},
    {"bfe", ".%c"},
    {"bfi", ".{b32,b64}"},
    {"bfind", "{,.shiftamt}.%c"},
    {"bmsk", ".{clamp,wrap}.b32"},
    {"brev", ".{b32,b64}"},
    {"clz", ".{b32,b64}"},
    {"cnot", ".%b"},
    {"copysign", ".{f32,f64}"},
    {"cos", ".approx{,.ftz}.f32"},
    {"cvt", ".%n.%n"},
    // Where a value may be out of range.
    {"cvt", ".sat.s8.{u8,u16,s16,u32,s32,u64,s64}"},
    {"cvt", ".sat.u8.{s8,u16,s16,u32,s32,u64,s64}"},
    {"cvt", ".sat.s16.{u16,u32,s32,u64,s64}"},
    {"cvt", ".sat.u16.{s8,s16,u32,s32,u64,s64}"},
    {"cvt", ".sat.s32.{u32,u64,s64}"},
    {"cvt", ".sat.u32.{s8,s16,s32,u64,s64}"},
    {"cvt", ".sat.s64.u64"},
    {"cvt", ".sat.u64.{s8,s16,s32,s64}"},
    {"cvt", "{,.ftz}{,.sat}.{f32,f64}.f32"},
    {"cvt", "{,.sat}.f64.f64"},
    {"cvt", ".%w{,.ftz}{,.sat}.f32.f32"},
    {"cvt", ".%w{,.sat}.f64.f64"},
    {"cvt", ".%w{,.ftz}{,.sat}.%n.f32"},
    {"cvt", ".%w{,.sat}.%n.f64"},
    {"cvt", ".%r{,.ftz}{,.sat}.f32.f64"},
    {"cvt", ".%r{,.ftz}.f32.%n"},
    {"cvt", ".%r.f64.%n"},
    {"cvt", "{,.ftz}.f32.{f16,bf16}"},
    {"cvt", ".f64.{f16,bf16}"},
    {"cvt", ".{rn,rz}{,.sat,.relu}.f16.f32"},
    {"cvt", ".{rn,rz}{,.sat}.f16.f64"},
    {"cvt", ".{rn,rz}{,.relu}.bf16.f32"},
    {"cvt", ".{rn,rz}.bf16.f64"},
    {"cvt", ".{rn,rz}{,.relu}.{f16x2,bf16x2}.f32"},
    {"cvt", ".%w.%n.f16"},
    {"cvt", ".%w.%i.bf16"},
    {"cvt", ".%w.{f16.f16,bf16.bf16}"},
    {"cvt", ".{rn,rz}.f16.%n"},
    {"cvt", ".{rn,rz}.bf16.%i"},
    {"cvta", "{,.to}.{global,shared,shared::cta,local,const,param,param::entry}.u64"},
    {"div", ".%i"},
    {"div", ".{approx,full}{,.ftz}.f32"},
    {"div", ".%r{,.ftz}.f32"},
    {"div", ".%r.f64"},
    {"dp2a", ".{lo,hi}.{u32,s32}.{u32,s32}"},
    {"dp4a", ".{u32,s32}.{u32,s32}"},
    {"elect", ".sync"},
    {"ex2", ".approx{,.ftz}.f32"},
    {"ex2", ".approx.{f16,f16x2}"},
    {"ex2", ".approx.ftz.{bf16,bf16x2}"},
    {"fence", "{,.sc,.acq_rel,.acquire,.release}.{cta,gpu,sys}"},
    {"fma", ".rn{,.ftz}{,.sat}.{f16,f16x2,f32}"},
    {"fma", ".{rz,rm,rp}{,.ftz}{,.sat}.f32"},
    {"fma", ".%r.f64"},
    {"fma", ".rn{,.ftz}.relu.{f16,f16x2}"},
    {"fma", ".rn{,.relu}.{bf16,bf16x2}"},
    {"isspacep", ".{global,shared,shared::cta,local,const,param,param::entry}"},
    {"ld", "*.%m"},
    {"ldu", "*.%m"},
    {"lg2", ".approx{,.ftz}.f32"},
    {"lop3", ".b32"},
    {"mad", ".{lo,hi}.%i"},
    {"mad", ".{lo,hi}.cc.%c"},
    {"mad", ".hi.sat.s32"},
    {"mad", ".wide.{u16,s16,u32,s32}"},
    {"mad", ".%r{,.ftz}{,.sat}.f32"},
    {"mad", ".%r.f64"},
    {"mad24", ".{lo,hi}.{u32,s32}"},
    {"mad24", ".hi.sat.s32"},
    {"madc", ".{lo,hi}{,.cc}.%c"},
    {"match", ".{any,all}.sync.{b32,b64}"},
    {"max", ".%i"},
    {"max", ".relu.s32"},
    {"max", "{,.ftz}{,.NaN}.{f16,f16x2,f32}"},
    {"max", "{,.NaN}.{bf16,bf16x2}"},
    {"max", ".f64"},
    {"membar", ".{cta,gl,sys}"},
    {"min", ".%i"},
    {"min", ".relu.s32"},
    {"min", "{,.ftz}{,.NaN}.{f16,f16x2,f32}"},
    {"min", "{,.NaN}.{bf16,bf16x2}"},
    {"min", ".f64"},
    {"mov", ".%v"},
    {"mov", ".pred"},
    {"mul", ".{lo,hi}.%i"},
    {"mul", ".wide.{u16,s16,u32,s32}"},
    {"mul", "{,.rn}{,.ftz}{,.sat}.{f16,f16x2,f32}"},
    {"mul", ".{rz,rm,rp}{,.ftz}{,.sat}.f32"},
    {"mul", ".f64"},
    {"mul", ".%r.f64"},
    {"mul", "{,.rn}.{bf16,bf16x2}"},
    {"mul24", ".{lo,hi}.{u32,s32}"},
    {"nanosleep", ".u32"},
    {"neg", "{,.ftz}.{f16,f16x2,f32}"},
    {"neg", ".{s16,s32,s64,f64,bf16,bf16x2}"},
    {"not", ".{pred,b16,b32,b64}"},
    {"or", ".{pred,b16,b32,b64}"},
    {"popc", ".{b32,b64}"},
    {"prmt", ".b32{,.f4e,.b4e,.rc8,.ecl,.ecr,.rc16}"},
    {"rcp", ".approx{,.ftz}.f32"},
    {"rcp", ".approx.ftz.f64"},
    {"rcp", ".%r{,.ftz}.f32"},
    {"rcp", ".%r.f64"},
    {"red", "*.add.{u32,s32,u64,f32,f64}"},
    {"red", "*.add.noftz.{f16,f16x2,bf16,bf16x2}"},
    {"red", "*.{min,max}.%c"},
    {"red", "*.{inc,dec}.u32"},
    {"red", "*.{and,or,xor}.{b32,b64}"},
    {"redux", ".sync.{add,min,max}.{u32,s32}"},
    {"redux", ".sync.{and,or,xor}.b32"},
    {"rem", ".%i"},
    {"rsqrt", ".approx{,.ftz}.{f32,f64}"},
    {"sad", ".%i"},
    {"selp", ".%v"},
    {"set", ".{eq,ne}%k.{u32,s32,f32}.%b"},
    {"set", ".%o%k.{u32,s32,f32}.%i"},
    {"set", ".{lo,ls,hi,hs}%k.{u32,s32,f32}.{u16,u32,u64}"},
    {"set", ".%f%k{,.ftz}.{u32,s32,f32}.f32"},
    {"set", ".%f%k.{u32,s32,f32}.f64"},
    {"set", ".%f%k{,.ftz}.{u32,s32}.f16"},
    {"set", ".%f%k.{u32,s32}.bf16"},
    {"set", ".%f%k{,.ftz}.f16.f16"},
    {"set", ".%f%k.bf16.bf16"},
    {"set", ".%f{,.ftz}.{f16x2,u32,s32}.f16x2"},
    {"set", ".%f.{bf16x2,u32,s32}.bf16x2"},
    {"setp", ".{eq,ne}%k.%b"},
    {"setp", ".%o%k.%i"},
    {"setp", ".{lo,ls,hi,hs}%k.{u16,u32,u64}"},
    {"setp", ".%f%k{,.ftz}.{f16,f32}"},
    {"setp", ".%f%k.{bf16,f64}"},
    {"shf", ".{l,r}.{clamp,wrap}.b32"},
    {"shfl", ".sync.{up,down,bfly,idx}.b32"},
    {"shl", ".%b"},
    {"shr", ".%b"},
    {"shr", ".%i"},
    {"sin", ".approx{,.ftz}.f32"},
    {"slct", ".%v.s32"},
    {"slct", "{,.ftz}.%v.f32"},
    {"sqrt", ".approx{,.ftz}.f32"},
    {"sqrt", ".%r{,.ftz}.f32"},
    {"sqrt", ".%r.f64"},
    {"st", "*.%m"},
    {"sub", ".%i"},
    {"sub", ".sat.s32"},
    {"sub", ".cc.%c"},
    {"sub", "{,.rn}{,.ftz}{,.sat}.{f16,f16x2,f32}"},
    {"sub", ".{rz,rm,rp}{,.ftz}{,.sat}.f32"},
    {"sub", ".f64"},
    {"sub", ".%r.f64"},
    {"sub", "{,.rn}.{bf16,bf16x2}"},
    {"subc", "{,.cc}.%c"},
    {"szext", ".{clamp,wrap}.{u32,s32}"},
    {"tanh", ".approx.{f32,f16,f16x2,bf16,bf16x2}"},
    {"testp", ".{finite,infinite,number,notanumber,normal,subnormal}.{f32,f64}"},
    {"vote", ".sync.{all,any,uni}.pred"},
    {"vote", ".sync.ballot.b32"},
    {"xor", ".{pred,b16,b32,b64}"},
});

static_assert(std::ranges::is_sorted(kFormPatterns, {}, &FormPattern::opcode));

bool matches_form(std::string_view pattern, std::string_view text);

/// @param choices  `{a,b}`, each of which may stand before what matches_form `rest`
bool matches_one(std::string_view choices, std::string_view rest, std::string_view text) {
  for (choices.remove_prefix(1); !choices.empty();) {
    const std::string_view choice = choices.substr(0, choices.find_first_of(",}"));
    choices.remove_prefix(choice.size() + 1);
    if (text.starts_with(choice) && matches_form(rest, text.substr(choice.size()))) {
      return true;
    }
  }
  return false;
}

bool matches_form(std::string_view pattern, std::string_view text) {
  while (!pattern.empty()) {
    if (pattern.front() == '{') {
      const std::size_t end = pattern.find('}') + 1;
      return matches_one(pattern.substr(0, end), pattern.substr(end), text);
    }
    if (pattern.front() == '%') {
      const auto* const list = std::ranges::find(kFormLists, pattern[1], &std::pair<char, std::string_view>::first);
      return matches_one(list->second, pattern.substr(2), text);
    }
    if (pattern.front() == '*') {
      for (std::size_t skipped = 0; skipped <= text.size(); ++skipped) {
        if (matches_form(pattern.substr(1), text.substr(skipped))) {
          return true;
        }
      }
      return false;
    }
    if (text.empty() || text.front() != pattern.front()) {
      return false;
    }
    pattern.remove_prefix(1);
    text.remove_prefix(1);
  }
  return text.empty();
}

}  // namespace

bool is_form(std::string_view opcode) {
  const std::size_t dot = std::min(opcode.find('.'), opcode.size());
  const auto rows = std::ranges::equal_range(kFormPatterns, opcode.substr(0, dot), {}, &FormPattern::opcode);
  // What hints and jumps are made of is not listed.
  return rows.empty() || std::ranges::any_of(rows, [&](const FormPattern& form) { return matches_form(form.rest, opcode.substr(dot)); });
}

}  // namespace sublet::cpu
