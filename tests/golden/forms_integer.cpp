#include <array>

#include "tests/golden/form.hpp"

// Integer arithmetic, and what moves and chooses bits.

namespace sublet::golden {
namespace {

constexpr auto kIntegers = std::to_array<Row>({
    {"{add,sub,mul.lo,mul.hi,div,rem,min,max}.{u16,s16,u32,s32,u64,s64}", "T = T T"},
    {"{mad.lo,mad.hi,sad}.{u16,s16,u32,s32,u64,s64}", "T = T T T"},
    {"mul.wide.{u16,s16,u32,s32}", "W = T T"},
    {"mad.wide.{u16,s16,u32,s32}", "W = T T W"},
    {"{add,sub}.sat.s32", "T = T T"},
    {"{min,max}.relu.s32", "T = T T"},
    {"{abs,neg}.{s16,s32,s64}", "T = T"},
    // What is carried shows in the sum behind it.
    {"add.cc.{u32,s32,u64,s64}", "T T = T T T", {}, "OP %d, %a, %b; addc.$T %e, %c, 0;"},
    {"sub.cc.{u32,s32,u64,s64}", "T T = T T T", {}, "OP %d, %a, %b; subc.$T %e, %c, 0;"},
    {"addc.{u32,s32,u64,s64}", "T = T T T T", {}, "add.cc.$T %x, %a, %b; OP %d, %c, %f;"},
    {"subc.{u32,s32,u64,s64}", "T = T T T T", {}, "sub.cc.$T %x, %a, %b; OP %d, %c, %f;"},
    {"addc.cc.{u32,s32,u64,s64}", "T T = T T T T", {}, "add.cc.$T %x, %a, %b; OP %d, %c, %f; addc.$T %e, 0, 0;"},
    {"subc.cc.{u32,s32,u64,s64}", "T T = T T T T", {}, "sub.cc.$T %x, %a, %b; OP %d, %c, %f; subc.$T %e, 0, 0;"},
    {"mad.{lo,hi}.cc.{u32,s32,u64,s64}", "T T = T T T", {}, "OP %d, %a, %b, %c; addc.$T %e, 0, 0;"},
    {"madc.{lo,hi}.{u32,s32,u64,s64}", "T = T T T T", {}, "add.cc.$T %x, %a, %f; OP %d, %a, %b, %c;"},
    {"madc.{lo,hi}.cc.{u32,s32,u64,s64}", "T T = T T T T", {}, "add.cc.$T %x, %a, %f; OP %d, %a, %b, %c; addc.$T %e, 0, 0;"},
    {"mul24.{lo,hi}.{u32,s32}", "T = T T"},
    {"mad24.{lo,hi}.{u32,s32}", "T = T T T"},
    {"{dp4a,dp2a.lo,dp2a.hi}.u32.u32", "u32 = u32 u32 u32"},
    {"{dp4a,dp2a.lo,dp2a.hi}.{u32.s32,s32.u32,s32.s32}", "s32 = U T s32"},
});

constexpr auto kBits = std::to_array<Row>({
    {"{and,or,xor}.{b16,b32,b64,pred}", "T = T T"},
    {"not.{b16,b32,b64,pred}", "T = T"},
    {"cnot.{b16,b32,b64}", "T = T"},
    {"lop3.b32 {0x00,0x1b,0x6a,0x80,0x96,0xca,0xe8,0xff}", "T = T T T", {}, "OP %d, %a, %b, %c, $V;"},
    {"shl.{b16,b32,b64}", "T = T shift"},
    {"shr.{b16,b32,b64,u16,u32,u64,s16,s32,s64}", "T = T shift"},
    {"shf.{l,r}.{clamp,wrap}.b32", "T = T T shift"},
    {"{popc,clz}.{b32,b64}", "u32 = T"},
    {"brev.{b32,b64}", "T = T"},
    {"bfind{,.shiftamt}.{u32,s32,u64,s64}", "u32 = T"},
    {"bfe.{u32,s32,u64,s64}", "T = T field field"},
    {"bfi.{b32,b64}", "T = T T field field"},
    {"bmsk.{clamp,wrap}.b32", "T = field field"},
    {"szext.{clamp,wrap}.{u32,s32}", "T = T field"},
    {"prmt.b32{,.f4e,.b4e,.rc8,.ecl,.ecr,.rc16}", "b32 = b32 b32 b32"},
    {"selp.{b16,b32,b64,u16,u32,u64,s16,s32,s64,f32,f64}", "T = T T pred"},
    {"slct.{b16,b32,b64,u16,u32,u64,s16,s32,s64,f32,f64}.{s32,f32}", "U = U U T"},
    {"slct.ftz.{b16,b32,b64,u16,u32,u64,s16,s32,s64,f32,f64}.f32", "U = U U T"},
    {"mov.{b16,b32,b64,u16,u32,u64,s16,s32,s64,f32,f64,pred}", "T = T"},
    {"mov.b32 packs", "b32 = b16 b16", {}, "OP %d, {%a, %b};"},
    {"mov.b64 packs", "b64 = b32 b32", {}, "OP %d, {%a, %b};"},
    {"mov.b64 packs four", "b64 = b16 b16 b16 b16", {}, "OP %d, {%a, %b, %c, %f};"},
    {"mov.b32 unpacks", "b16 b16 = b32", {}, "OP {%d, %e}, %a;"},
    {"mov.b64 unpacks", "b32 b32 = b64", {}, "OP {%d, %e}, %a;"},
});

}  // namespace

std::span<const Row> integer_rows() { return kIntegers; }
std::span<const Row> bit_rows() { return kBits; }

}  // namespace sublet::golden
