#include "drivers/image/site_publish.h"

#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "drivers/image/site_files.h"
#include "drivers/image/tar_for_tests.h"
#include "io/file/files.h"
#include "model/site.h"

namespace moln {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

std::string page() {
    std::string text;
    for (int i = 0; i < 200; ++i) text += fmt::format("<p>paragraph {}</p>\n", i);
    return text;
}

class SitePublishTest : public ::testing::Test {
protected:
    void put(const std::string& path, std::string_view bytes) const {
        const auto whole = app_ + "/" + path;
        fs::create_directories(fs::path(whole).parent_path());
        std::ofstream(whole, std::ios::binary) << bytes;
    }
    Result<PublishedSite> publish_now(const SiteSpec& spec = {}) {
        auto workspace = Workspace::make(data_);
        EXPECT_TRUE(workspace);
        return publish_site({.data = data_,
                             .workspace = *workspace,
                             .app_folder = app_,
                             .spec = spec,
                             .now = WallTime{1'700'000'000'000}},
                            progress_);
    }
    SiteManifest manifest(const std::string& name) const {
        const auto text = read_file(data_.sites() + "/" + name + "/" + k_site_manifest);
        EXPECT_TRUE(text);
        auto read = from_json_text<SiteManifest>(*text);
        EXPECT_TRUE(read);
        return *read;
    }
    std::vector<std::string> paths(const SiteSpec& spec = {}) {
        const auto site = publish_now(spec);
        EXPECT_TRUE(site) << site.error().reason;
        std::vector<std::string> out;
        for (const auto& file : manifest(site->name).files) out.push_back(file.path);
        return out;
    }

    TempDir scratch_;
    DataDir data_{.root = scratch_ / "data"};
    std::string app_ = scratch_ / "app";
    std::vector<std::string> lines_;
    ImageProgress progress_{.line = [this](std::string line) { lines_.push_back(line); }};
};

TEST_F(SitePublishTest, Files_lie_there_as_they_are_and_smaller) {
    put("index.html", page());
    put("photo.jpg", std::string(5000, 'x'));
    put("tiny.css", "a{}");
    const auto site = publish_now();
    ASSERT_TRUE(site) << site.error().reason;
    EXPECT_TRUE(is_site_name(site->name));
    EXPECT_THAT(site->warnings, IsEmpty());
    const auto made = manifest(site->name);
    EXPECT_EQ(made.made, WallTime{1'700'000'000'000});
    const auto content = read_file(data_.sites() + "/" + site->name + "/" + k_site_content);
    ASSERT_TRUE(content);
    EXPECT_EQ(std::int64_t(content->size()), made.content_bytes);
    ASSERT_EQ(made.files.size(), 3u);
    std::map<std::string, std::vector<std::string>> codings;
    for (const auto& file : made.files) {
        const auto& plain = file.forms.front();
        const auto source = read_file(app_ + "/" + file.path);
        EXPECT_EQ(content->substr(std::size_t(plain.at), std::size_t(plain.bytes)), *source);
        for (const auto& form : file.forms) {
            codings[file.path].push_back(form.coding);
            EXPECT_LE(form.bytes, plain.bytes);
        }
    }
    EXPECT_THAT(codings["index.html"], ElementsAre("identity", "zstd", "br", "gzip"));
    EXPECT_THAT(codings["photo.jpg"], ElementsAre("identity"));
    EXPECT_THAT(codings["tiny.css"], ElementsAre("identity"));
    EXPECT_EQ(made.files[0].type, "text/html; charset=utf-8");
}

TEST_F(SitePublishTest, Large_files_begin_with_a_page) {
    put("a.bin", "1");
    put("b.bin", std::string(100'000, 'x'));
    put("c.bin", "1");
    put("d.bin", std::string(16u << 10, 'x'));
    const auto site = publish_now();
    ASSERT_TRUE(site);
    const auto made = manifest(site->name);
    EXPECT_EQ(made.files[1].forms[0].at, 4096);
    EXPECT_EQ(made.files[2].forms[0].at, 104'096);
    EXPECT_EQ(made.files[3].forms[0].at % 4096, 0);
    EXPECT_EQ(made.content_bytes, made.files[3].forms[0].at + (16 << 10));
}

// The edge's own user has no other right to them.
TEST_F(SitePublishTest, Everybody_who_finds_it_may_read_it_and_nobody_write) {
    put("index.html", page());
    const auto site = publish_now();
    ASSERT_TRUE(site);
    const auto mode_of = [&](const std::string& path) {
        struct stat about{};
        EXPECT_EQ(stat(path.c_str(), &about), 0) << path;
        return about.st_mode & 0777;
    };
    const auto folder = data_.sites() + "/" + site->name;
    EXPECT_EQ(mode_of(data_.sites()), 0755u);
    EXPECT_EQ(mode_of(folder), 0755u);
    EXPECT_EQ(mode_of(folder + "/" + k_site_manifest), 0644u);
    EXPECT_EQ(mode_of(folder + "/" + k_site_content), 0644u);
}

TEST_F(SitePublishTest, The_same_files_are_the_same_site_and_others_another) {
    put("index.html", page());
    const auto first = publish_now();
    const auto again = publish_now();
    ASSERT_TRUE(first && again);
    EXPECT_EQ(first->name, again->name);
    EXPECT_THAT(lines_, Contains(HasSubstr("unchanged")));
    put("index.html", page() + "x");
    EXPECT_NE(publish_now()->name, first->name);
    put("index.html", page());
    put("other.html", "");
    EXPECT_NE(publish_now()->name, first->name);
    fs::remove(app_ + "/other.html");
    EXPECT_EQ(publish_now()->name, first->name);
}

TEST_F(SitePublishTest, What_a_disk_has_spoilt_since_is_published_anew) {
    put("index.html", page());
    put("b.html", "b");
    const auto first = publish_now();
    ASSERT_TRUE(first);
    const auto folder = data_.sites() + "/" + first->name;
    const auto content = *read_file(folder + "/" + k_site_content);
    const auto spoil = [&](std::string_view file, std::string_view bytes) {
        fs::permissions(folder + "/" + std::string(file), fs::perms(0644));
        std::ofstream(folder + "/" + std::string(file), std::ios::binary) << bytes;
    };
    auto flipped = content;
    flipped[0] ^= 1;
    const std::vector<std::pair<std::string, std::string>> faults = {
        {k_site_content, content.substr(0, content.size() - 1)},
        {k_site_content, flipped},
        {k_site_content, ""},
        {k_site_manifest, "{"},
        {k_site_manifest, ""}};
    for (const auto& [file, bytes] : faults) {
        spoil(file, bytes);
        lines_.clear();
        const auto again = publish_now();
        ASSERT_TRUE(again) << again.error().reason;
        EXPECT_EQ(again->name, first->name);
        EXPECT_THAT(lines_, Contains(HasSubstr("damaged")));
        EXPECT_EQ(*read_file(folder + "/" + k_site_content), content);
        ASSERT_TRUE(publish_now());
        EXPECT_THAT(lines_, Contains(HasSubstr("unchanged")));
    }
}

TEST_F(SitePublishTest, What_is_no_file_of_the_sites_is_left_out) {
    put("index.html", "1");
    put("moln.toml", "1");
    put("package.json", "1");
    put("docs/package.json", "1");
    put(".git/config", "1");
    put(".env", "1");
    put("docs/.env", "1");
    put("docs/.well-known/x", "1");
    put(".well-known/security.txt", "1");
    put("node_modules/a/index.js", "1");
    EXPECT_THAT(paths(),
                ElementsAre(".well-known/security.txt", "docs/package.json", "index.html"));
}

TEST_F(SitePublishTest, No_link_is_followed) {
    put("index.html", "1");
    put("dist/index.html", "2");
    fs::create_symlink("/etc/passwd", app_ + "/passwd.txt");
    fs::create_directory_symlink("/etc", app_ + "/etc");
    fs::create_symlink("index.html", app_ + "/home.html");
    const auto site = publish_now();
    ASSERT_TRUE(site);
    ASSERT_EQ(site->warnings.size(), 1u);
    EXPECT_THAT(site->warnings[0], HasSubstr("etc, home.html, passwd.txt"));
    EXPECT_THAT(paths(), ElementsAre("dist/index.html", "index.html"));
    fs::create_directory_symlink("/etc", app_ + "/out");
    for (const auto* folder : {"out", "etc", "dist/../../..", "gone", "index.html"}) {
        const auto refused = publish_now({.folder = folder});
        ASSERT_FALSE(refused) << folder;
        EXPECT_EQ(refused.error().code, ErrorCode::invalid);
        EXPECT_THAT(refused.error().reason, HasSubstr(folder));
    }
}

TEST_F(SitePublishTest, A_folder_of_the_apps_is_a_site_by_itself) {
    put("index.html", "1");
    put("dist/index.html", "2");
    put("dist/moln.toml", "3");
    EXPECT_THAT(paths({.folder = "dist"}), ElementsAre("index.html", "moln.toml"));
}

TEST_F(SitePublishTest, Names_that_no_URL_has_are_left_out_and_told) {
    put("index.html", "1");
    put("bad\xff.html", "1");
    put("line\nbreak.html", "1");
    const auto site = publish_now();
    ASSERT_TRUE(site);
    EXPECT_EQ(manifest(site->name).files.size(), 1u);
    ASSERT_EQ(site->warnings.size(), 1u);
}

TEST_F(SitePublishTest, A_site_without_its_first_page_is_told_so) {
    put("a.html", "1");
    EXPECT_THAT(publish_now()->warnings, ElementsAre(HasSubstr("index.html")));
    EXPECT_THAT(publish_now({.fallback = "b.html"})->warnings, ElementsAre(HasSubstr("b.html")));
    EXPECT_THAT(publish_now({.fallback = "a.html"})->warnings, IsEmpty());
}

TEST_F(SitePublishTest, Takes_the_most_files_and_not_one_more) {
    put("0", "");
    const auto named = [&](std::size_t i) { return app_ + "/" + std::to_string(i); };
    for (std::size_t i = 1; i < k_site_files_max; ++i) {
        std::error_code error;
        // A file has so many names at most.
        if (i % 30'000 == 0) std::ofstream(named(i)) << "";
        if (i % 30'000 != 0) fs::create_hard_link(named(i / 30'000 * 30'000), named(i), error);
        ASSERT_FALSE(error) << error.message();
    }
    const auto found = find_site_files(app_, ".");
    ASSERT_TRUE(found) << found.error().reason;
    EXPECT_EQ(found->files.size(), k_site_files_max);
    put("one_more", "");
    EXPECT_EQ(find_site_files(app_, ".").error().code, ErrorCode::refused);
}

TEST_F(SitePublishTest, Takes_the_most_bytes_and_not_one_more) {
    put("a", "");
    put("b", "");
    fs::resize_file(app_ + "/a", std::uintmax_t(k_site_bytes_max.count));
    EXPECT_TRUE(find_site_files(app_, "."));
    fs::resize_file(app_ + "/b", 1);
    EXPECT_EQ(find_site_files(app_, ".").error().code, ErrorCode::refused);
}

TEST_F(SitePublishTest, Takes_the_deepest_folders_and_not_one_deeper) {
    std::string deep;
    for (std::size_t i = 0; i < k_site_depth_max; ++i) deep += "d/";
    put(deep + "index.html", "1");
    EXPECT_TRUE(find_site_files(app_, "."));
    put(deep + "d/index.html", "1");
    EXPECT_EQ(find_site_files(app_, ".").error().code, ErrorCode::refused);
}

TEST_F(SitePublishTest, A_file_is_compressed_from_the_least_to_the_most_bytes) {
    const auto forms = [&](const std::string& path) {
        for (const auto& file : manifest(publish_now()->name).files) {
            if (file.path == path) return file.forms.size();
        }
        return std::size_t{0};
    };
    put("a.txt", std::string(k_site_coded_min, 'x'));
    EXPECT_GT(forms("a.txt"), 1u);
    put("a.txt", std::string(k_site_coded_min - 1, 'x'));
    EXPECT_EQ(forms("a.txt"), 1u);
    put("a.txt", "");
    fs::resize_file(app_ + "/a.txt", std::uintmax_t(k_site_coded_max.count) + 1);
    EXPECT_EQ(forms("a.txt"), 1u);
    fs::resize_file(app_ + "/a.txt", std::uintmax_t(k_site_coded_max.count));
    EXPECT_GT(forms("a.txt"), 1u);
}

TEST_F(SitePublishTest, Cancelled_it_leaves_nothing) {
    put("index.html", page());
    std::atomic<bool> cancelled = true;
    progress_.cancelled = &cancelled;
    EXPECT_FALSE(publish_now());
    EXPECT_FALSE(path_exists(data_.sites()));
    EXPECT_TRUE(fs::is_empty(data_.builds()));
}

}  // namespace
}  // namespace moln
