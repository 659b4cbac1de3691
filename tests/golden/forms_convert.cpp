#include <array>

#include "tests/golden/form.hpp"

// Conversions and comparisons.

namespace sublet::golden {
namespace {

constexpr auto kConversions = std::to_array<Row>({
    {"cvt.{u8,s8,u16,s16,u32,s32,u64,s64}.{u8,s8,u16,s16,u32,s32,u64,s64}", "U = T"},
    // Only where a value may be out of range.
    {"cvt.sat.{u8.s8,s8.u8,s16.u16,s32.u32,s64.u64}", "U = T"},
    {"cvt.sat.{u8,s8}.{u16,s16,u32,s32,u64,s64}", "U = T"},
    {"cvt.sat.u16.{s8,s16,u32,s32,u64,s64}", "U = T"},
    {"cvt.sat.s16.{u32,s32,u64,s64}", "U = T"},
    {"cvt.sat.u32.{s8,s16,s32,u64,s64}", "U = T"},
    {"cvt.sat.s32.{u64,s64}", "U = T"},
    {"cvt.sat.u64.{s8,s16,s32,s64}", "U = T"},
    {"cvt.{rni,rzi,rmi,rpi}{,.ftz}.{u8,s8,u16,s16,u32,s32,u64,s64}.f32", "U = T"},
    {"cvt.{rni,rzi,rmi,rpi}.{u8,s8,u16,s16,u32,s32,u64,s64}.f64", "U = T"},
    {"cvt.{rn,rz,rm,rp}.{f32,f64}.{u8,s8,u16,s16,u32,s32,u64,s64}", "U = T"},
    {"cvt{,.rni,.rzi,.rmi,.rpi}{,.ftz}{,.sat}.f32.f32", "U = T"},
    {"cvt{,.rni,.rzi,.rmi,.rpi}{,.sat}.f64.f64", "U = T"},
    {"cvt.{rn,rz,rm,rp}{,.ftz}{,.sat}.f32.f64", "U = T"},
    {"cvt{,.ftz}{,.sat}.f64.f32", "U = T"},
    {"cvt.{rn,rz}{,.sat,.relu}.f16.f32", "U = T"},
    {"cvt.{rn,rz}{,.sat}.f16.f64", "U = T"},
    {"cvt.{rn,rz}{,.relu}.bf16.f32", "U = T"},
    {"cvt.{f32,f64}.f16", "U = T"},
    {"cvt.f32.bf16", "U = T"},
    {"cvt.{rn,rz}{,.relu}.{f16x2,bf16x2}.f32", "U = T T"},
});

constexpr auto kComparisons = std::to_array<Row>({
    {"setp.{eq,ne}.{b16,b32,b64,u16,u32,u64,s16,s32,s64}", "pred = T T"},
    {"setp.{lt,le,gt,ge}.{u16,u32,u64,s16,s32,s64}", "pred = T T"},
    {"setp.{lo,ls,hi,hs}.{u16,u32,u64}", "pred = T T"},
    {"setp.{eq,ne,lt,le,gt,ge,equ,neu,ltu,leu,gtu,geu,num,nan}.{f32,f64,f16,bf16}", "pred = T T"},
    {"setp.{eq,ne,lt,le,gt,ge,equ,neu,ltu,leu,gtu,geu,num,nan}.ftz.{f32,f16}", "pred = T T"},
    {"setp.{eq,ne}.{and,or,xor}.{b16,b32,b64}", "pred pred = T T pred"},
    {"setp.{lt,ge}.{and,or,xor}.{u32,s32,u64,f32,f64}", "pred pred = T T pred"},
    {"set.{eq,ne,lt,le,gt,ge}.{u32,f32}.{u16,s32,u64}", "U = T T"},
    {"set.{eq,ne,lt,le,gt,ge,equ,neu,ltu,leu,gtu,geu,num,nan}.{s32.f32,f32.f32,u32.f64}", "U = T T"},
    {"set.{eq,lt,geu,nan}.ftz.{u32,f32}.f32", "U = T T"},
    {"set.{eq,lt}.{and,or,xor}.{u32,f32}.{s32,f32}", "U = T T pred"},
});

}  // namespace

std::span<const Row> convert_rows() { return kConversions; }
std::span<const Row> compare_rows() { return kComparisons; }

}  // namespace sublet::golden
