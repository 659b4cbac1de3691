#include "gpu-worker/devices/image/includes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sublet::image {
namespace {

TEST(Includes, OfWhatTheCompilerItselfHasAreLeftToIt) {
  for (const std::string_view source :
       {"extern \"C\" __global__ void k() {}", "#include <cuda_fp16.h>\n", "  #  include /* half */ <cuda/std/cstdint>\n",
        "#if __has_include(<cuda_fp16.h>)\n#endif\n", "#define TEXT(x) #x\n", "int include = 1; // # of threads\n",
        "int includes_all, my__has_include;", "#pragma unroll\n#define A 1 \\\n + 2\n", "int a = b % c ? d : e;"}) {
    const auto clean = check_includes(source);
    EXPECT_TRUE(clean) << source << "\n" << to_text(clean.error());
  }
}

TEST(Includes, F3_OfThisHostsFilesAreRefusedHoweverTheyAreWritten) {
  for (const std::string_view source : {"#include \"/etc/passwd\"",
                                        "#include \"near.h\"",
                                        "#include </etc/passwd>",
                                        "#include <../etc/passwd>",
                                        "#include <a/../../b>",
                                        "int a;\n  #\tinclude \"x\"",
                                        "#/**/include/**/\"x\"",
                                        "#inc\\\nlude \"x\"",
                                        "#inc\\  \r\nlude \"x\"",
                                        "#inc\?\?/\nlude \"x\"",
                                        "%:include \"x\"",
                                        "\?\?=include \"x\"",
                                        "#define X \"x\"\n#include X",
                                        "#include_next <../x>",
                                        "#import \"x\"",
                                        "#embed \"x\"",
                                        "#if __has_include(\"/etc/shadow\")",
                                        "#if __has_include (</etc/shadow>)",
                                        "#define H __has_include\n#if H(\"x\")",
                                        "#include <x\n/y>",
                                        "#include",
                                        "#include <x",
                                        "auto text = R\"(/*)\";\n#include \"x\"\n/**/"}) {
    const auto refused = check_includes(source);
    ASSERT_FALSE(refused) << source;
    EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  }
}

TEST(Includes, ThatAreRefusedAreQuotedWithTheRemedy) {
  const auto refused = check_includes("int a;\n#include \"near.h\"\nint b;\n");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, ::testing::HasSubstr(": #include \"near.h\"; put the file's text into the module"));
}

}  // namespace
}  // namespace sublet::image
