// The declarations of nvrtc_api.hpp beside nvrtc.h: a difference does not compile.

#include "gpu-worker/devices/image/nvrtc_api.hpp"

#include <type_traits>

#include <gtest/gtest.h>
#include <nvrtc.h>

namespace sublet::image {
namespace {

/// Passed alike: both pointers, or both numbers of one size.
template <class Ours, class Theirs>
constexpr bool kAlike = std::is_pointer_v<Ours> == std::is_pointer_v<Theirs> && sizeof(Ours) == sizeof(Theirs) &&
                        std::is_integral_v<Ours> == std::is_integral_v<Theirs>;

template <class Ours, class Theirs>
struct Same : std::false_type {};
template <class... Ours, class... Theirs>
  requires(sizeof...(Ours) == sizeof...(Theirs))
struct Same<NvrtcStatus(Ours...), nvrtcResult(Theirs...)> : std::bool_constant<(kAlike<Ours, Theirs> && ...)> {};

#define SUBLET_NVRTC_COMPARE(member, name, parameters) \
  static_assert(Same<NvrtcStatus parameters, std::remove_pointer_t<decltype(&::name)>>::value, #name);
SUBLET_NVRTC_FUNCTIONS(SUBLET_NVRTC_COMPARE)
#undef SUBLET_NVRTC_COMPARE

static_assert(sizeof(NvrtcStatus) == sizeof(nvrtcResult));

TEST(NvrtcApi, SucceedsWithTheNumberThatWeTakeForIt) { EXPECT_EQ(kNvrtcSuccess, NVRTC_SUCCESS); }

}  // namespace
}  // namespace sublet::image
