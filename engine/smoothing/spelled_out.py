r"""A smoothed function written out: as LaTeX, and as torch code that runs as it stands.

Both spell the closed form of `convolution`: a line, plus a ramp for every kink and a step for every jump.
"""

from engine.smoothing.kernels import Kernel, find_kernel
from engine.smoothing.piecewise_linear import PiecewiseLinear, Staircase

STEP_LATEX = {
    "gaussian": r"\tfrac12\left(1+\operatorname{erf}\tfrac{u}{\sqrt2}\right)",
    "logistic": r"\frac{1}{1+e^{-u}}",
    "sech": r"\tfrac{2}{\pi}\arctan e^{u}",
    "student": r"\tfrac12\left(1+\frac{u}{\sqrt{1+u^2}}\right)",
    "laplace": r"\tfrac12\left(1+\operatorname{sgn}(u)\,(1-e^{-|u|})\right)",
    "uniform": r"\operatorname{clip}\left(\tfrac{1+u}{2},0,1\right)",
    "cauchy": r"\tfrac12+\tfrac1\pi\arctan u",
}
RAMP_LATEX = {
    "gaussian": r"u\,\Phi(u)+\tfrac{1}{\sqrt{2\pi}}e^{-u^2/2}",
    "logistic": r"\ln(1+e^{u})",
    "sech": r"\max(u,0)+\tfrac2\pi\operatorname{Ti}_2(e^{-|u|})",
    "student": r"\tfrac12\left(u+\sqrt{1+u^2}\right)",
    "laplace": r"\max(u,0)+\tfrac12e^{-|u|}",
    "uniform": r"\tfrac14(1+u)^2\ (|u|\le1),\ \max(u,0)\ \text{outside}",
    "cauchy": r"u\,\Phi(u)-\tfrac{1}{2\pi}\ln(1+u^2)",
}
STEP_TORCH = {
    "gaussian": "0.5 * torch.erfc(-u / 2**0.5)",
    "logistic": "torch.sigmoid(u)",
    "sech": "torch.atan(torch.exp(u.clamp(max=40))) * 2 / math.pi",
    "student": "0.5 * (1 + u / torch.sqrt(1 + u * u))",
    "laplace": "0.5 * (1 - torch.sign(u) * torch.expm1(-u.abs()))",
    "uniform": "((1 + u) / 2).clamp(0, 1)",
    "cauchy": "0.5 + torch.atan(u) / math.pi",
}
RAMP_TORCH = {
    "gaussian": "torch.nn.functional.gelu(u) + torch.exp(-u * u / 2) / math.sqrt(2 * math.pi)",
    "logistic": "torch.nn.functional.softplus(u, threshold=40)",
    "sech": "u.clamp_min(0) + ti2(torch.exp(-u.abs())) * 2 / math.pi",
    "student": "0.5 * (u + torch.sqrt(1 + u * u))",
    "laplace": "u.clamp_min(0) + 0.5 * torch.exp(-u.abs())",
    "uniform": "0.25 * (u.clamp(-1, 1) + 1) ** 2 + (u - 1).clamp_min(0)",
    "cauchy": "u * (0.5 + torch.atan(u) / math.pi) - torch.log1p(u * u) / (2 * math.pi)",
}
TI2_TORCH = '''def ti2(y):
    """Inverse tangent integral on [0, 1]: y times the integral of atan(ys)/(ys) over s in [0, 1], by Gauss-Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    total = torch.zeros_like(y)
    for node, weight in zip((nodes + 1) / 2, weights / 2):
        total = total + weight * torch.atan(y * node) / node
    return total
'''


def latex(f: PiecewiseLinear | Staircase, *, kernel: str | Kernel, width: float) -> str:
    """The closed form with u = (x - k)/w, in LaTeX without dollar signs."""
    shape = find_kernel(kernel)
    if isinstance(f, Staircase):
        return _staircase_latex(f, shape, width)
    terms, uses = _line(f.value, f.slope, "x"), set()
    for knot, jump, kink in zip(f.knots, f.jumps, f.kinks, strict=True):
        place = r"\tfrac{x}{w}" if knot == 0 else rf"\tfrac{{x{-knot:+g}}}{{w}}"
        if jump:
            uses.add("step")
            terms.append(rf"{_factor(jump)}\Phi\left({place}\right)")
        if kink:
            uses.add("ramp")
            terms.append(rf"{_factor(kink)}w\,R\left({place}\right)")
    parts = ["g(x)=" + ("".join(terms).lstrip("+") or "0")]
    if "ramp" in uses:
        parts.append("R(u)=" + RAMP_LATEX[shape.name])
    if "step" in uses or ("ramp" in uses and shape.name in ("gaussian", "cauchy")):
        parts.append(r"\Phi(u)=" + STEP_LATEX[shape.name])
    return r",\quad ".join([*parts, f"w={width:g}"])


def _staircase_latex(f: Staircase, kernel: Kernel, width: float) -> str:
    argument = "x" if f.shift == 0 else f"x{f.shift:+g}"
    line = "".join(_line(f.value, f.slope, "x"))
    series = r"y-\tfrac12+\sum_{k\ge1}\frac{\hat p(2\pi k w)}{\pi k}\sin(2\pi k y)"
    transform = {
        "gaussian": r"e^{-\omega^2/2}",
        "logistic": r"\frac{\pi\omega}{\sinh\pi\omega}",
        "sech": r"\frac{1}{\cosh(\pi\omega/2)}",
        "student": r"\omega K_1(\omega)",
        "laplace": r"\frac{1}{1+\omega^2}",
        "uniform": r"\frac{\sin\omega}{\omega}",
        "cauchy": r"e^{-\omega}",
    }[kernel.name]
    head = rf"g(x)={line}{_factor(f.height)}\lfloor {argument}\rfloor_w".replace("=+", "=")
    return rf"{head},\quad \lfloor y\rfloor_w={series},\quad \hat p(\omega)={transform},\quad w={width:g}"


def _line(value: float, slope: float, variable: str) -> list[str]:
    terms = [f"{value:+g}"] if value else []
    return terms + ([_factor(slope) + variable] if slope else [])


def _factor(number: float) -> str:
    """A signed factor, without the 1."""
    return {1.0: "+", -1.0: "-"}.get(number, f"{number:+g}\\,")


def torch_code(f: PiecewiseLinear | Staircase, *, kernel: str | Kernel, width: float) -> str:
    """A function `g(x)` in torch, with its imports; gradients come by autograd."""
    shape = find_kernel(kernel)
    if isinstance(f, Staircase):
        return _staircase_code(f, shape, width)
    ramps, steps = any(f.kinks), any(f.jumps)
    lines = ["import math", "", "import numpy as np", "import torch", "", f"w = {width!r}", ""]
    if ramps and shape.name == "sech":
        lines += [TI2_TORCH]
    if steps:
        lines += ["def step(u):", f"    return {STEP_TORCH[shape.name]}", ""]
    if ramps:
        lines += ["def ramp(u):", f"    return {RAMP_TORCH[shape.name]}", ""]
    terms = [] if not f.value and not f.slope else [f"{f.value!r} + {f.slope!r} * x"]
    for knot, jump, kink in zip(f.knots, f.jumps, f.kinks, strict=True):
        if jump:
            terms.append(f"{jump!r} * step((x - {knot!r}) / w)")
        if kink:
            terms.append(f"{kink!r} * w * ramp((x - {knot!r}) / w)")
    return "\n".join([*lines, "def g(x):", "    return " + " + ".join(terms or ["0 * x"])]) + "\n"


def _staircase_code(f: Staircase, kernel: Kernel, width: float) -> str:
    heavy = kernel.name in ("student", "cauchy")
    reach = 200 if heavy else int(kernel.reach * width) + 2
    remark = "  # heavy tails: the sum is cut, error about 1e-3 w" if heavy else ""
    return f"""import math

import torch

w = {width!r}

def step(u):
    return {STEP_TORCH[kernel.name]}

def floor_w(y):
    whole = torch.floor(y.detach())
    total = whole.clone()
    for k in range({reach}):{remark}
        total = total + step((y - whole - k - 1) / w) - step((whole - k - y) / w)
    return total

def g(x):
    return {f.value!r} + {f.slope!r} * x + {f.height!r} * floor_w(x + {f.shift!r})
"""
