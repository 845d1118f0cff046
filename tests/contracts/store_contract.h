// The suite that every Store passes: store_contract.cc has the cases, store_*_test.cc the stores.
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(make_memory_case));
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "ports/store.h"

namespace moln {

// A store under test and what it lives on.
class StoreCase {
public:
    virtual ~StoreCase() = default;
    virtual Store& store() = 0;
    // Closes the store and opens it again on the same data.
    virtual void reopen() = 0;
};

using MakeStoreCase = std::unique_ptr<StoreCase> (*)();

class StoreContract : public testing::TestWithParam<MakeStoreCase> {
protected:
    Store& store() { return case_->store(); }
    void reopen() { case_->reopen(); }

private:
    std::unique_ptr<StoreCase> case_ = GetParam()();
};

}  // namespace moln
