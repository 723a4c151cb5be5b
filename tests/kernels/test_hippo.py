"""The normal plus low-rank forms multiply back to the HiPPO matrices."""

import math

import pytest
import torch

from s4audio.kernels.hippo import Measure, fout, legs, nplr, s4d_inv, s4d_legs, s4d_lin


@pytest.mark.parametrize("n", [2, 8, 64])
@pytest.mark.parametrize("measure", ["legs", "fout"])
def test_nplr_is_the_same_system_as_hippo(measure: Measure, n: int) -> None:
    A, B, _ = {"legs": legs, "fout": fout}[measure](n)
    form = nplr(measure, n)
    Lambda = torch.cat([form.Lambda, form.Lambda.conj()])
    P_full = torch.cat([form.P, form.P.conj()])
    B_full = torch.cat([form.B, form.B.conj()])
    again = torch.diag(Lambda) - P_full[:, None] * P_full.conj()
    # Coordinates differ, but moments B* A^k B do not.
    ours, theirs = B_full, B.to(torch.complex128)
    for _ in range(4):
        expected = B.to(torch.complex128) @ theirs
        torch.testing.assert_close(B_full.conj() @ ours, expected, rtol=1e-9, atol=1e-9)
        ours, theirs = again @ ours / n, A.to(torch.complex128) @ theirs / n


def test_legs_matrix_entry_by_entry() -> None:
    A, B, P = legs(5)
    for n in range(5):
        assert B[n] == math.sqrt(2 * n + 1)
        for k in range(5):
            root = math.sqrt((2 * n + 1) * (2 * k + 1))
            expected = -root if n > k else -(n + 1) if n == k else 0
            assert A[n, k] == pytest.approx(expected)
    skew = A + P[:, None] * P + torch.eye(5) / 2
    torch.testing.assert_close(skew, -skew.T)


def test_diagonal_initialisations() -> None:
    assert s4d_lin(3).tolist() == [-0.5, complex(-0.5, math.pi), complex(-0.5, 2 * math.pi)]
    N = 4
    for n, value in enumerate(s4d_inv(2).tolist()):
        assert value == pytest.approx(complex(-0.5, N / math.pi * (N / (2 * n + 1) - 1)))
    assert bool((s4d_legs(8).imag > 0).all())
    torch.testing.assert_close(s4d_legs(8).real, torch.full((8,), -0.5, dtype=torch.float64))
