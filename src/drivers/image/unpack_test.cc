#include "drivers/image/unpack.h"

#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "drivers/image/archive.h"
#include "drivers/image/tar_for_tests.h"

namespace moln {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::string read_all(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct stat stat_of(const std::string& path) {
    struct stat info{};
    EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
    return info;
}

class UnpackSource : public ::testing::Test {
protected:
    Result<Unpacked> unpack(const TarForTests& tar, const UnpackLimits& limits = {}) {
        ++count_;
        folder_ = scratch_ / ("out-" + std::to_string(count_));
        fs::create_directory(folder_);
        return unpack_source(tar.write_to(scratch_), folder_, limits);
    }
    std::string reason(const TarForTests& tar, const UnpackLimits& limits = {}) {
        const auto unpacked = unpack(tar, limits);
        return unpacked ? "" : unpacked.error().reason;
    }
    std::string at(std::string_view path) const { return folder_ + "/" + std::string(path); }

    TempDir scratch_;
    std::string folder_;
    int count_ = 0;
};

TEST_F(UnpackSource, files_folders_and_links_become_the_apps_own) {
    const auto unpacked = unpack(TarForTests()
                                     .folder("./")
                                     .folder("./lib/", 0775)
                                     .file("./lib/a.js", "hello", 0664)
                                     .file("./run", "#!", 06755)
                                     .symlink("./link", "lib/../run")
                                     .hard_link("./again", "./lib/a.js"));
    ASSERT_TRUE(unpacked) << unpacked.error().reason;
    EXPECT_EQ(unpacked->files, 6u);
    EXPECT_EQ(unpacked->bytes, Bytes{7});
    EXPECT_EQ(read_all(at("lib/a.js")), "hello");
    EXPECT_EQ(read_all(at("again")), "hello");
    EXPECT_EQ(fs::read_symlink(at("link")), "lib/../run");
    EXPECT_EQ(stat_of(at("lib")).st_mode & 07777, 0755u);
    EXPECT_EQ(stat_of(at("lib/a.js")).st_mode & 07777, 0644u);
    EXPECT_EQ(stat_of(at("run")).st_mode & 07777, 0755u);
    EXPECT_EQ(stat_of(at("run")).st_mtime, 1'700'000'000);
    for (const auto* path : {"lib", "lib/a.js", "run", "link"}) {
        EXPECT_EQ(stat_of(at(path)).st_uid, k_app_uid) << path;
    }
}

TEST_F(UnpackSource, folders_that_the_archive_left_out_are_made) {
    ASSERT_TRUE(unpack(TarForTests().file("a/b/c", "x")));
    EXPECT_EQ(read_all(at("a/b/c")), "x");
    EXPECT_EQ(stat_of(at("a")).st_uid, k_app_uid);
}

TEST_F(UnpackSource, odd_names_are_kept) {
    ASSERT_TRUE(unpack(TarForTests().file("two\nlines", "x").file("åäö/日本", "y")));
    EXPECT_EQ(read_all(at("two\nlines")), "x");
    EXPECT_EQ(read_all(at("åäö/日本")), "y");
}

TEST_F(UnpackSource, what_leads_out_is_refused_by_name) {
    EXPECT_EQ(reason(TarForTests().file("../evil", "x")),
              "../evil leads out of its folder (\"..\")");
    EXPECT_EQ(reason(TarForTests().file("a/../../evil", "x")),
              "a/../../evil leads out of its folder (\"..\")");
    EXPECT_EQ(reason(TarForTests().file("/etc/evil", "x")),
              "/etc/evil is an absolute path, which an archive must not hold");
    EXPECT_EQ(reason(TarForTests().symlink("a/up", "../../etc")),
              "a/up is a symbolic link out of the folder, to ../../etc: leave it out, or put the "
              "file itself there");
    EXPECT_THAT(reason(TarForTests().symlink("abs", "/etc/passwd")),
                HasSubstr("abs is a symbolic link out of the folder, to /etc/passwd"));
    EXPECT_THAT(reason(TarForTests().hard_link("hard", "/etc/passwd")), HasSubstr("absolute path"));
    EXPECT_THAT(reason(TarForTests().hard_link("hard", "missing")),
                HasSubstr("hard is a hard link to missing, which is not in the folder"));
    EXPECT_FALSE(fs::exists(scratch_ / "evil"));
}

TEST_F(UnpackSource, nothing_is_written_through_a_link) {
    EXPECT_THAT(reason(TarForTests().folder("real").symlink("way", "real").file("way/x", "x")),
                HasSubstr("leads through a symbolic link"));
    EXPECT_THAT(reason(TarForTests().symlink("x", "y").file("x", "bytes")),
                HasSubstr("x is there twice"));
    EXPECT_FALSE(fs::exists(at("y")));
}

TEST_F(UnpackSource, what_is_no_file_folder_or_link_is_refused) {
    EXPECT_THAT(reason(TarForTests().device("null")), HasSubstr("null is a device"));
    EXPECT_THAT(reason(TarForTests().pipe("p")), HasSubstr("p is a named pipe"));
}

TEST_F(UnpackSource, a_name_twice_is_refused) {
    EXPECT_EQ(reason(TarForTests().file("a", "1").file("a", "2")), "a is there twice");
    EXPECT_THAT(reason(TarForTests().file("a", "1").folder("a")), HasSubstr("a is there twice"));
    EXPECT_EQ(reason(TarForTests().folder("a").folder("a")), "");
}

TEST_F(UnpackSource, newlines_in_names_cannot_forge_lines_of_an_error) {
    EXPECT_THAT(reason(TarForTests().device("a\nb")), HasSubstr("a?b is a device"));
}

TEST_F(UnpackSource, number_of_files_at_the_limit_and_one_past) {
    const auto tar = TarForTests().file("a", "1").file("b", "2");
    EXPECT_EQ(reason(tar, {.files_max = 2}), "");
    EXPECT_EQ(reason(tar, {.files_max = 1}), "more than 1 files: leave out what is not needed");
}

TEST_F(UnpackSource, bytes_at_the_limit_and_one_past) {
    const auto tar =
        TarForTests().file("a", std::string(700, 'x')).file("b", std::string(324, 'x'));
    EXPECT_EQ(reason(tar, {.bytes_max = kib(1)}), "");
    EXPECT_THAT(reason(tar, {.bytes_max = {1023}}), HasSubstr("more than 1023 of files"));
}

TEST_F(UnpackSource, names_at_the_limit_and_one_past) {
    EXPECT_EQ(reason(TarForTests().file(std::string(255, 'a'), "")), "");
    EXPECT_THAT(reason(TarForTests().file(std::string(256, 'a'), "")),
                HasSubstr("is a name of 256 bytes: at most 255"));
    std::string deep;
    while (deep.size() < 4096) deep += "a/";
    EXPECT_THAT(reason(TarForTests().file(deep + "b", "")), HasSubstr("is a path of 4097 bytes"));
}

TEST_F(UnpackSource, cancelling_ends_it) {
    const std::atomic<bool> cancelled = true;
    EXPECT_EQ(reason(TarForTests().file("a", "1"), {.cancelled = &cancelled}), "cancelled");
}

TEST_F(UnpackSource, what_is_no_tar_archive_is_refused) {
    const auto path = scratch_ / "text";
    std::ofstream(path) << "this is no archive, and long enough to be looked at twice";
    EXPECT_THAT(unpack_source(path, scratch_.path(), {}).error().reason,
                HasSubstr("not a whole tar archive"));
    const auto cut = scratch_ / "cut";
    const auto whole = TarForTests().file("big", std::string(5000, 'x')).unfinished();
    std::ofstream(cut, std::ios::binary) << whole.substr(0, whole.size() - 2000);
    EXPECT_THAT(unpack_source(cut, scratch_.path(), {}).error().reason,
                HasSubstr("not a whole tar archive"));
}

TEST_F(UnpackSource, digest_knows_content_and_not_order) {
    const auto digest = [&](const TarForTests& tar) { return unpack(tar)->digest; };
    const auto one = digest(TarForTests().file("a", "1").file("b", "2"));
    EXPECT_EQ(digest(TarForTests().file("b", "2").file("a", "1")), one);
    EXPECT_NE(digest(TarForTests().file("a", "1").file("b", "3")), one);
    EXPECT_NE(digest(TarForTests().file("a", "1").file("c", "2")), one);
    EXPECT_NE(digest(TarForTests().file("a", "1").file("b", "2", 0755)), one);
    EXPECT_NE(digest(TarForTests().file("a", "1").symlink("b", "2")), one);
}

RC_GTEST_PROP(NormalPath, stays_below_the_top_or_is_refused, ()) {
    const auto part = rc::gen::element<std::string>("", ".", "..", "a", "b c", "...", "\n");
    std::string path;
    for (const auto& word : *rc::gen::container<std::vector<std::string>>(part)) path += word + "/";
    for (const auto absolute : {AbsolutePaths::refuse, AbsolutePaths::from_top}) {
        const auto normal = normal_path(path, absolute);
        if (!normal) continue;
        RC_ASSERT(!normal->starts_with('/'));
        RC_ASSERT(fs::path(*normal).lexically_normal() == fs::path(*normal));
        RC_ASSERT(("/" + *normal + "/").find("/../") == std::string::npos);
        RC_ASSERT(*normal_path(*normal, AbsolutePaths::refuse) == *normal);
    }
}

class UnpackLayer : public UnpackSource {
protected:
    Result<Unpacked> layer(const TarForTests& tar, Whiteouts whiteouts = Whiteouts::mark) {
        if (folder_.empty()) {
            folder_ = scratch_ / "layer";
            fs::create_directory(folder_);
        }
        return unpack_layer(tar.write_to(scratch_), folder_, whiteouts,
                            {.files_max = k_image_files_max, .bytes_max = k_image_bytes_max});
    }
};

TEST_F(UnpackLayer, owners_and_modes_are_kept_but_for_setuid) {
    ASSERT_TRUE(layer(TarForTests().owner(33).file("bin/su", "x", 04755).folder("tmp", 01777)));
    EXPECT_EQ(stat_of(at("bin/su")).st_mode & 07777, 0755u);
    EXPECT_EQ(stat_of(at("bin/su")).st_uid, 33u);
    EXPECT_EQ(stat_of(at("tmp")).st_mode & 07777, 01777u);
}

TEST_F(UnpackLayer, owners_that_no_instance_can_have_become_nobody) {
    ASSERT_TRUE(layer(TarForTests().owner(65'535).file("in", "").owner(65'536).file("out", "")));
    EXPECT_EQ(stat_of(at("in")).st_uid, 65'535u);
    EXPECT_EQ(stat_of(at("out")).st_uid, 65'534u);
}

TEST_F(UnpackLayer, whiteouts_are_marked_as_an_overlay_wants_them) {
    ASSERT_TRUE(layer(TarForTests().file("etc/.wh.passwd", "").file("var/.wh..wh..opq", "")));
    const auto removed = stat_of(at("etc/passwd"));
    EXPECT_TRUE(S_ISCHR(removed.st_mode));
    EXPECT_EQ(removed.st_rdev, 0u);
    char value[2] = {};
    EXPECT_EQ(getxattr(at("var").c_str(), "trusted.overlay.opaque", value, sizeof value), 1);
    EXPECT_EQ(value[0], 'y');
}

TEST_F(UnpackLayer, whiteouts_are_applied_when_layers_are_laid_on_one_another) {
    ASSERT_TRUE(layer(TarForTests().file("a/one", "1").file("a/two", "2").file("b/c/d", "3"),
                      Whiteouts::apply));
    ASSERT_TRUE(
        layer(TarForTests().file("a/.wh.one", "").file("b/.wh..wh..opq", "").file("b/e", ""),
              Whiteouts::apply));
    EXPECT_FALSE(fs::exists(at("a/one")));
    EXPECT_TRUE(fs::exists(at("a/two")));
    EXPECT_FALSE(fs::exists(at("b/c")));
    EXPECT_TRUE(fs::exists(at("b/e")));
}

TEST_F(UnpackLayer, a_later_entry_replaces_an_earlier_one) {
    ASSERT_TRUE(layer(TarForTests().file("x", "1").file("x", "2").folder("y").file("y/z", "")));
    EXPECT_EQ(read_all(at("x")), "2");
    ASSERT_TRUE(layer(TarForTests().symlink("y", "x").folder("x")));
    EXPECT_TRUE(fs::is_symlink(at("y")));
    EXPECT_TRUE(fs::is_directory(at("x")));
}

TEST_F(UnpackLayer, links_are_followed_within_the_layer_only) {
    ASSERT_TRUE(
        layer(TarForTests().folder("usr/lib").symlink("lib", "/usr/lib").file("lib/a", "x")));
    EXPECT_EQ(read_all(at("usr/lib/a")), "x");
    const auto outside = scratch_ / "outside";
    fs::create_directory(outside);
    ASSERT_TRUE(
        layer(TarForTests().symlink("way", "../outside").folder("outside").file("way/a", "x")));
    EXPECT_FALSE(fs::exists(outside + "/a"));
    EXPECT_EQ(read_all(at("outside/a")), "x");
}

TEST_F(UnpackLayer, paths_that_lead_out_are_refused_and_absolute_ones_are_the_layers) {
    EXPECT_THAT(layer(TarForTests().file("../evil", "x")).error().reason, HasSubstr("leads out"));
    EXPECT_THAT(layer(TarForTests().file("a/.wh...", "x")).error().reason,
                HasSubstr("marks nothing"));
    EXPECT_THAT(layer(TarForTests().hard_link("h", "../../etc/passwd")).error().reason,
                HasSubstr("leads out"));
    ASSERT_TRUE(layer(TarForTests().file("/etc/hosts", "x")));
    EXPECT_EQ(read_all(at("etc/hosts")), "x");
}

TEST_F(UnpackLayer, devices_are_left_out_and_counted) {
    const auto unpacked = layer(TarForTests().device("dev/null").file("a", ""));
    ASSERT_TRUE(unpacked);
    EXPECT_EQ(unpacked->skipped, 1u);
    EXPECT_FALSE(fs::exists(at("dev/null")));
}

}  // namespace
}  // namespace moln
