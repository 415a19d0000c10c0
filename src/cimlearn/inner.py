"""How kernels that only kernels call are compiled: as a part of their caller, never as a program of their own.

Numba optimises every function, writes machine code for it and loads that, then copies the function into each caller and
optimises it there once more; of a kernel five calls deep that is done five times. Here a function that Python never
calls stays as it is until it is part of one that Python calls. That halves the time to compile.

A variable that is set once stays a value, where Numba keeps it on the stack and loads the whole of it for each use; of
a chip's state LLVM then had to take a thousand words apart again. That takes off a fifth more.

LLVM then copies functions into their callers as far as it likes. In a program of thousands of lines it sees less of a
loop (loops over columns took two to three times as long as the same loops alone), so `apart` kernels, the inner loops,
stay functions of their own. A loop that writes several arrays becomes vectors only where the compiler knows that they
share no memory: `disjoint` kernels promise it.
"""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from typing import Any

from numba.core import ir, types
from numba.core.analysis import compute_cfg_from_blocks, compute_use_defs
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder, _LowerResult
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.errors import UnsupportedError
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

_dynfunc: Any = import_module("numba._dynfunc")
_Library: Any = JITCodeLibrary
_Lowering: Any = NativeLowering
_Lower: Any = Lower
_Compiler: Any = CompilerBase


class InnerLibrary(_Library):
    """Code that waits to be part of another library."""

    def _optimize_final_module(self) -> None:
        """The caller's optimisation takes it in."""

    def _finalize_final_module(self) -> None:
        """As ever, but no machine code is written."""
        self._finalize_dynamic_globals()
        self._finalized = True


class ApartLibrary(InnerLibrary):
    """The same for a function that is never copied into its callers."""

    def add_ir_module(self, ir_module: Any) -> None:
        """As ever, but the function says so."""
        for function in ir_module.functions:
            if not function.is_declaration and "odr" not in function.linkage:
                function.attributes.add("noinline")
        super().add_ir_module(ir_module)


class DisjointLibrary(ApartLibrary):
    """The same for a function whose arrays share no memory."""

    def add_ir_module(self, ir_module: Any) -> None:
        """As ever, but the function says so too."""
        for function in ir_module.functions:
            if not function.is_declaration and "odr" not in function.linkage:
                for one in function.args:
                    if one.type.is_pointer:
                        one.add_attribute("noalias")
        super().add_ir_module(ir_module)


class InnerLower(_Lower):
    """Numba's way from its own form to LLVM's, but a variable that is set once stays a value.

    Numba keeps a variable on the stack where more than one block uses it: an argument is loaded whole for each use, and
    zeroed at the end. A chip's state has a thousand words, and LLVM looks at each of them each time. Nothing is counted
    here, so the end of a variable's life does nothing.
    """

    def _find_singly_assigned_variable(self) -> None:
        super()._find_singly_assigned_variable()
        self._singly_assigned_vars |= _set_once(self.func_ir.blocks)


def _set_once(blocks: dict[int, Any]) -> set[str]:
    """Variables with one assignment, which every way to their uses goes through; blocks are taken in order of label."""
    found = compute_use_defs(blocks)
    above = compute_cfg_from_blocks(blocks).dominators()
    times = Counter(one.target.name for block in blocks.values() for one in block.find_insts(ir.Assign))
    uses: dict[str, list[int]] = {}
    for label, names in found.usemap.items():
        for name in names:
            uses.setdefault(name, []).append(label)
    return {
        name
        for label, names in found.defmap.items()
        for name in names
        if times[name] == 1 and all(use > label and label in above[use] for use in uses.get(name, ()))
    }


@register_pass(mutates_CFG=True, analysis_only=False)
class InnerLowering(_Lowering):
    """From Numba's form of a function to LLVM's, for callers alone."""

    _name = "inner_lowering"
    _kind: Any = InnerLibrary

    @property
    def lowering_class(self) -> Any:
        """What writes LLVM's form."""
        return InnerLower

    def run_pass(self, state: Any) -> bool:
        """As ever, but what Python would call is never called, so it has no code.

        No array is counted in or out (`_nrt` of compiled.INNER), so none may be answered: its caller might count.
        """
        if _holds_array(state.return_type):
            raise UnsupportedError(
                f"a kernel answers numbers; {state.func_id.func_qualname} answers an array"
            )
        library = self._kind(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library, state.flags.no_compile = library, True
        super().run_pass(state)
        lowered = state["cr"]
        described = lowered.fndesc
        name = described.qualname.rpartition(".")[2]
        shell = _dynfunc.make_function(described.lookup_module(), name, "", 0, lowered.env, (library,))
        state.targetctx.insert_user_function(shell, described, [library])
        state.reload_init.extend(library._reload_init)
        state["cr"] = _LowerResult(described, lowered.call_helper, cfunc=shell, env=lowered.env)
        return True


def _holds_array(kind: Any) -> bool:
    """Whether a value of Numba's type `kind` is or holds an array."""
    return isinstance(kind, types.Array) or any(_holds_array(one) for one in getattr(kind, "types", ()))


@register_pass(mutates_CFG=True, analysis_only=False)
class ApartLowering(InnerLowering):
    """The same for functions that are never copied into their callers."""

    _name = "apart_lowering"
    _kind: Any = ApartLibrary


@register_pass(mutates_CFG=True, analysis_only=False)
class DisjointLowering(InnerLowering):
    """The same for those of them whose arrays share no memory."""

    _name = "disjoint_lowering"
    _kind: Any = DisjointLibrary


class InnerCompiler(_Compiler):
    """Numba's passes, with that lowering in the place of its own."""

    _lowering: Any = InnerLowering

    def define_pipelines(self) -> list[Any]:
        """The one order of passes."""
        usual: Any = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes: Any = PassManager("inner")
        for one, why in usual.passes:
            passes.add_pass(self._lowering if one is NativeLowering else one, why)
        passes.finalize()
        return [passes]


class ApartCompiler(InnerCompiler):
    """The same for functions that are never copied into their callers."""

    _lowering: Any = ApartLowering


class DisjointCompiler(InnerCompiler):
    """The same for those of them whose arrays share no memory."""

    _lowering: Any = DisjointLowering
