#include "io/host/seal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/file/files.h"
#include "io/file/temp_dir_for_test.h"
#include "model/limits.h"

namespace moln {
namespace {

TEST(SealBox, a_secret_comes_back_for_its_context_also_after_a_restart) {
    const TempDir dir;
    const auto key = dir.path() + "/seal.key";
    const std::string bytes("p\0w\xff", 4);
    const auto text =
        SealBox::open(key).value().seal(Secret(bytes), "app default/shop: DB_PASSWORD");
    const auto box = SealBox::open(key).value();
    EXPECT_EQ(box.unseal(text, "app default/shop: DB_PASSWORD").value().reveal(), bytes);
    struct stat info{};
    ASSERT_EQ(::stat(key.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777u, 0600u);
    EXPECT_EQ(box.unseal(box.seal(Secret(""), "c"), "c").value().reveal(), "");
}

TEST(SealBox, two_seals_of_one_secret_differ) {
    const TempDir dir;
    const auto box = SealBox::open(dir.path() + "/key").value();
    EXPECT_NE(box.seal(Secret("same"), "c"), box.seal(Secret("same"), "c"));
}

TEST(SealBox, a_purpose_has_a_key_of_its_own) {
    const TempDir dir;
    const auto path = dir.path() + "/key";
    const auto box = SealBox::open(path).value();
    const auto one = box.for_purpose("certificates");
    const auto text = one.seal(Secret("secret"), "c");
    EXPECT_EQ(SealBox::open(path).value().for_purpose("certificates").unseal(text, "c")->reveal(),
              "secret");
    EXPECT_FALSE(box.unseal(text, "c"));
    EXPECT_FALSE(box.for_purpose("backups").unseal(text, "c"));
    EXPECT_FALSE(one.unseal(box.seal(Secret("secret"), "c"), "c"));
}

TEST(SealBox, another_context_another_key_or_any_altered_character_is_corrupt) {
    const TempDir dir;
    const auto box = SealBox::open(dir.path() + "/key").value();
    const auto other = SealBox::open(dir.path() + "/other").value();
    const auto text = box.seal(Secret("secret"), "shop");
    EXPECT_EQ(box.unseal(text, "blog").error().code, ErrorCode::corrupt);
    EXPECT_EQ(other.unseal(text, "shop").error().code, ErrorCode::corrupt);
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto altered = text;
        altered[i] = altered[i] == 'A' ? 'B' : 'A';
        EXPECT_EQ(box.unseal(altered, "shop").error().code, ErrorCode::corrupt) << i;
        EXPECT_FALSE(box.unseal(text.substr(0, i), "shop")) << i;
    }
    EXPECT_FALSE(box.unseal(text + "AAAA", "shop"));
    EXPECT_EQ(box.unseal("not base64!", "shop").error().code, ErrorCode::corrupt);
}

TEST(SealBox, a_secret_at_the_limit_is_sealed_and_a_longer_text_is_not_read) {
    const TempDir dir;
    const auto box = SealBox::open(dir.path() + "/key").value();
    const auto text = box.seal(Secret(std::string(k_secret_bytes_max, 's')), "c");
    EXPECT_EQ(box.unseal(text, "c").value().reveal().size(), k_secret_bytes_max);
    EXPECT_EQ(box.unseal(text + "AAAA", "c").error().code, ErrorCode::corrupt);
}

TEST(SealBox, a_key_that_others_may_read_or_of_wrong_size_is_refused) {
    const TempDir dir;
    const auto key = dir.path() + "/key";
    ASSERT_TRUE(SealBox::open(key));
    ASSERT_EQ(::chmod(key.c_str(), 0640), 0);
    EXPECT_EQ(SealBox::open(key).error().code, ErrorCode::denied);
    for (const std::size_t size : {std::size_t{0}, std::size_t{31}, std::size_t{33}}) {
        ASSERT_TRUE(write_file(key, std::string(size, 'k'), 0600));
        EXPECT_EQ(SealBox::open(key).error().code, ErrorCode::corrupt) << size;
    }
    EXPECT_EQ(SealBox::open(dir.path() + "/none/key").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace moln
