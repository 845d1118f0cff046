#include "io/tls/client_questions.h"

#include <array>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "io/tls/test_keys_for_test.h"

namespace moln::tls {
namespace {

using Authorities = std::shared_ptr<const ClientAuthorities>;

Authorities make() {
    return *ClientAuthorities::parse(k_test_chain);
}

bool asks(const ClientQuestions& questions, const std::string& name, const Authorities& of) {
    const auto question = questions.find(name);
    return question && question->names(of.get());
}

TEST(ClientQuestions, a_host_is_asked_what_its_routes_and_wider_ones_want) {
    const auto own = make();
    const auto near = make();
    const auto far = make();
    ClientQuestions questions;
    questions.add("a.b.org", own);
    questions.add("*.b.org", near);
    questions.add("*.org", far);
    questions.settle();
    for (const auto& one : {own, near, far}) EXPECT_TRUE(asks(questions, "A.b.ORG", one));
    EXPECT_FALSE(asks(questions, "c.b.org", own));
    EXPECT_TRUE(asks(questions, "x.c.b.org", near));
    EXPECT_TRUE(asks(questions, "c.b.org", far));
    EXPECT_FALSE(asks(questions, "b.org", near));
    EXPECT_TRUE(asks(questions, "b.org", far));
}

TEST(ClientQuestions, others_are_asked_for_nothing) {
    ClientQuestions questions;
    EXPECT_TRUE(questions.empty());
    questions.add("shop.org", make());
    questions.settle();
    for (const auto* name : {"", "org", "blog.org", "a.shop.org", "shop.org.", "*"}) {
        EXPECT_EQ(questions.find(name), nullptr) << name;
    }
    EXPECT_EQ(questions.find(std::string(k_name_bytes_max + 1, 'a')), nullptr);
}

TEST(ClientQuestions, of_any_host_asks_everyone) {
    const auto any = make();
    ClientQuestions questions;
    questions.add("*", any);
    questions.add("shop.org", make());
    questions.settle();
    for (const auto* name : {"", "shop.org", "blog.org"}) EXPECT_TRUE(asks(questions, name, any));
}

// A naive reading of the patterns: what each that fits the name wants is asked for.
RC_GTEST_PROP(ClientQuestions, ask_what_all_patterns_that_fit_want_and_nothing_else, ()) {
    static const std::array k_authorities = {make(), make(), make(), make()};
    const auto name_of = [](const std::vector<int>& labels) {
        std::string text = "z";
        for (const int one : labels)
            text = std::string(1, static_cast<char>('a' + one)) + "." + text;
        return text;
    };
    const auto labels =
        rc::gen::resize(3, rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 2)));
    const auto hosts = *rc::gen::container<std::vector<std::tuple<std::vector<int>, bool, int>>>(
        rc::gen::tuple(labels, rc::gen::arbitrary<bool>(), rc::gen::inRange(0, 4)));
    const auto name = name_of(*labels);
    ClientQuestions questions;
    std::array<bool, 4> wanted{};
    for (const auto& [parts, wild, at] : hosts) {
        const auto host = name_of(parts);
        questions.add(wild ? "*." + host : host, k_authorities.at(at));
        wanted.at(at) = wanted.at(at) || (wild ? name.ends_with("." + host) : name == host);
    }
    questions.settle();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        RC_ASSERT(asks(questions, name, k_authorities.at(i)) == wanted.at(i));
    }
}

}  // namespace
}  // namespace moln::tls
